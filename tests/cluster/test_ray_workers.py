"""Workers on a Ray cluster: one is killed, then a node, another joins, and every picture is there
once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mmembed.cluster.places import Slot
from mmembed.config.settings import Settings
from mmembed.errors import ModelHangs
from tests.cluster.patience import BOOTSTRAP, PATIENT, SILENT
from tests.network_audit.sitecustomize import OWN_NAME
from tests.postgres_server import address
from tests.serving import PYTHONPATH, ROOT
from tests.small_pictures import many

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")
pytest.importorskip("ray", reason="ray is not installed: pip install mmembed[ray]")

from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale


def test_a_worker_whose_model_hangs_is_started_anew_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.exceptions import RayTaskError

    from mmembed.cluster import ray_workers

    def hanging(*_: object, **__: object) -> None:
        raise RayTaskError("work", "", ModelHangs("the model hangs"))

    monkeypatch.setattr(ray, "get", hanging)
    workers = ray_workers.RayWorkers(Settings.from_env({}, data=tmp_path), None)
    slot, running = Slot("node", 0, 1, 0), ray_workers._Running(None, None)
    for _ in range(ray_workers.MOST_HANGS):
        workers._note_end(slot, running)
    assert workers._not_before[slot] > time.monotonic()
    with pytest.raises(ModelHangs):
        workers._note_end(slot, running)


def test_whatever_dies_and_joins_every_picture_is_there_once(tmp_path: Path) -> None:
    at, photos = address(), many(tmp_path / "photos", 200)
    name, content = BOOTSTRAP
    (tmp_path / name).write_text(content)
    # Into files: processes of Ray that outlive this one would keep a pipe open.
    out, errors = tmp_path / "out", tmp_path / "errors"
    with out.open("w") as stdout, errors.open("w") as stderr:
        code = subprocess.call(
            [sys.executable, "-m", "tests.cluster.run_on_ray", at, tmp_path / "data", photos],
            stdout=stdout, stderr=stderr, cwd=ROOT, timeout=540,
            env={
                **os.environ, **PATIENT, **SILENT,
                "PYTHONPATH": PYTHONPATH, "HOME": str(tmp_path), OWN_NAME: socket.gethostname(),
            },
        )  # fmt: skip
    assert code == 0, errors.read_text()
    said = json.loads(out.read_text().splitlines()[-1])
    assert (said["embedded"], said["failures"], said["workers"]) == (200, 0, 2)
    assert said["nodes"] == 3  # the one that joined has a worker, too
    assert said["started"] >= 4  # on each node, and one for the killed one
    with closing(PostgresStore(at, tmp_path / "data", exact_limit=9_999)) as store:
        assert store.count("image") == 200
        assert store._number("SELECT count(*) FROM vectors WHERE kind = 'image'") == 200
        assert store.check() == []
        assert store.pieces.progress().is_all_done
