"""`python -m tests.cluster.run_on_ray STORE DATA PHOTOS`: an indexing on a cluster of two nodes, in
which first a worker, then a node is killed, and another node joins. Prints the report's counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import ray
from ray.cluster_utils import Cluster

from mmembed.cluster.ray_workers import RayWorkers
from mmembed.collection import lease_keeper, worker
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.ingest import pipeline
from tests.cluster.slow_nodes import wait_longer
from tests.fake_encoder import FakeEncoder

LEASE_S = 1.0
HOLD_S = 20.0
"""Of one batch; all of them together then last longer than a node takes to join."""
LONGEST_S = 300.0


class SlowEncoder(FakeEncoder):
    hold: Path
    """A file during which a batch takes very long."""

    def embed_preprocessed(self, pixels: Any) -> Any:
        time.sleep(0.02 * len(pixels))
        until(lambda: not self.hold.exists(), HOLD_S)
        return super().embed_preprocessed(pixels)


def open_slowly(settings: Settings) -> Collection:
    """The collection in a worker, which notes its process and its node."""
    worker.LEASE_S, lease_keeper.BEAT_S = LEASE_S, LEASE_S / 10  # type: ignore[attr-defined]
    pipeline.COMMIT_IMAGES = 4
    SlowEncoder.hold = settings.data / "hold"
    workers = settings.data / "workers"
    workers.mkdir(parents=True, exist_ok=True)
    (workers / str(os.getpid())).write_text(ray.get_runtime_context().get_node_id())
    return Collection(settings, load=SlowEncoder)


def until(is_so: Callable[[], bool], seconds: float) -> None:
    """Wait, but not for longer than so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)


def main(at: str, data: Path, photos: Path) -> None:
    wait_longer()
    head = {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    settings = Settings.from_env({}, store=at, data=data, model="fake", bank="off")
    workers = RayWorkers(settings, cluster.address, open_slowly)
    most = 0
    joining: list[subprocess.Popen[bytes]] = []
    with Collection(settings, load=FakeEncoder) as collection:

        def sabotage() -> None:
            nonlocal most
            until(lambda: collection.count("image") > 30, LONGEST_S)
            most = workers.workers
            (data / "hold").touch()
            os.kill(int(next((data / "workers").iterdir()).name), signal.SIGKILL)
            until(lambda: len(list((data / "workers").iterdir())) > 2, LONGEST_S)
            (data / "hold").unlink()
            until(lambda: collection.count("image") > 80, LONGEST_S)
            cluster.remove_node(nodes[0], allow_graceful=False)
            (data / "hold").touch()
            command = [sys.executable, "-m", "tests.cluster.slow_nodes", cluster.address]
            joining.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            until(lambda: len(nodes_of_workers(data)) > 2 or joining[0].poll() == 1, LONGEST_S)
            (data / "hold").unlink()

        saboteur = Thread(target=sabotage)
        saboteur.start()
        report = collection.index([photos], progress=lambda *_: None, helpers=workers)
        saboteur.join()
    for node in joining:
        node.terminate()
        node.wait()
    cluster.shutdown()
    counts = {"embedded": report.embedded, "failures": len(report.failures)}
    seen = {"workers": most, "nodes": len(nodes_of_workers(data))}
    started = len(list((data / "workers").iterdir()))
    sys.stdout.write(json.dumps({**counts, **seen, "started": started}) + "\n")


def nodes_of_workers(data: Path) -> set[str]:
    """The nodes on which a worker has begun."""
    return {file.read_text() for file in (data / "workers").iterdir()} - {""}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
