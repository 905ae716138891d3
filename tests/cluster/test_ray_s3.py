"""Pictures in S3 are indexed by workers on Ray, as the command line starts them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mmembed.store.folder_store import FolderStore
from tests.cli.processes import real
from tests.cluster.patience import PATIENT
from tests.postgres_server import address
from tests.s3_server import s3_address
from tests.serving import ROOT, environment
from tests.small_pictures import many
from tests.tars import tar_at

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")
pytest.importorskip("ray", reason="ray is not installed: pip install mmembed[ray]")

from mmembed.store.postgres.postgres_store import PostgresStore

pytestmark = pytest.mark.scale
PICTURES, IN_TAR = 60, 20


def vectors(store: Any) -> dict[str, list[float]]:
    contents = [item.sha256 for item in store.page(after=0, limit=9_999, kind="image")]
    rows = store.embeddings_of("image", contents)
    return {sha256: row.tolist() for sha256, row in rows.items()}


def test_workers_on_ray_read_a_bucket_and_a_tar_in_it(tmp_path: Path) -> None:
    photos = many(tmp_path / "photos", PICTURES)
    inner = sorted(many(tmp_path / "inner", PICTURES + IN_TAR).rglob("*.png"))
    new = [path for path in inner if int(path.stem) >= PICTURES]
    tar_at(photos / "shard.tar", {path.name: path.read_bytes() for path in new})
    bucket, store, data = s3_address(), address(), tmp_path / "data"
    import s3fs

    s3fs.S3FileSystem().put(f"{photos}/", bucket, recursive=True)
    out, errors = tmp_path / "out", tmp_path / "errors"
    home = tmp_path / "home"
    home.mkdir()
    ours = ["--store", store, "--data", str(data), "--model", "bundled"]
    # Into files: processes of Ray that outlive this one would keep a pipe open.
    with out.open("w") as stdout, errors.open("w") as stderr:
        code = subprocess.call(
            [sys.executable, "-m", "mmembed", "index", bucket, "--engine", "ray", *ours],
            stdout=stdout, stderr=stderr, cwd=ROOT, timeout=540,
            env=environment(**PATIENT, HOME=str(home)),
        )  # fmt: skip
    assert code == 0, errors.read_text()
    assert f"{PICTURES + IN_TAR} embedded" in out.read_text() + errors.read_text()
    assert list(home.iterdir()) == []
    done = real("index", photos, "--data", tmp_path / "local", "--model", "bundled")
    assert done.returncode == 0, done.stderr
    with (
        closing(PostgresStore(store, data, exact_limit=9_999)) as one,
        closing(FolderStore(tmp_path / "local", exact_limit=9_999)) as other,
    ):
        assert len(vectors(one)) == PICTURES + IN_TAR
        assert vectors(one) == vectors(other)
        assert one.count("caption") == other.count("caption") > 0
        assert one.check() == []
