"""`python -m tests.cluster.run_on_ray STORE DATA PHOTOS`: an indexing on a cluster of two nodes, in
which first a worker, then a node is killed. Prints the report's counts."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from ray._private import services, utils
from ray.cluster_utils import Cluster

from mmembed.cluster.ray_workers import RayWorkers
from mmembed.collection import lease_keeper, worker
from mmembed.collection.collection import Collection
from mmembed.config.settings import Settings
from mmembed.ingest import pipeline
from tests.fake_encoder import FakeEncoder

LEASE_S = 1.0


class SlowEncoder(FakeEncoder):
    def embed_preprocessed(self, pixels: Any) -> Any:
        time.sleep(0.02 * len(pixels))
        return super().embed_preprocessed(pixels)


def open_slowly(settings: Settings) -> Collection:
    """The collection in a worker, which notes its process."""
    worker.LEASE_S, lease_keeper.BEAT_S = LEASE_S, LEASE_S / 10  # type: ignore[attr-defined]
    pipeline.COMMIT_IMAGES = 4
    (settings.data / "pids").mkdir(parents=True, exist_ok=True)
    (settings.data / "pids" / str(os.getpid())).touch()
    return Collection(settings, load=SlowEncoder)


def wait_longer() -> None:
    """A node has half a minute to start, and its agents 15 seconds. That is too little on a busy
    machine, unless the agents are those of Ray without its dashboard."""
    utils.get_dashboard_dependency_error = lambda: ImportError("not wanted")
    real = services.get_node

    def get_node(*arguments: Any) -> Any:
        for _ in range(200):
            try:
                return real(*arguments)
            except RuntimeError:
                time.sleep(1)
        return real(*arguments)

    services.get_node = get_node


def main(at: str, data: Path, photos: Path) -> None:
    wait_longer()
    head = {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    settings = Settings.from_env({}, store=at, data=data, model="fake", bank="off")
    workers = RayWorkers(settings, cluster.address, open_slowly)
    most = 0
    with Collection(settings, load=FakeEncoder) as collection:

        def until(is_so: Callable[[], bool]) -> None:
            while not is_so():
                time.sleep(0.02)

        def sabotage() -> None:
            nonlocal most
            until(lambda: collection.count("image") > 30)
            most = workers.workers
            os.kill(int(next((data / "pids").iterdir()).name), signal.SIGKILL)
            until(lambda: collection.count("image") > 80)
            cluster.remove_node(nodes[0], allow_graceful=False)

        saboteur = Thread(target=sabotage)
        saboteur.start()
        report = collection.index([photos], progress=lambda *_: None, helpers=workers)
        saboteur.join()
    cluster.shutdown()
    started = len(list((data / "pids").iterdir()))
    counts = {"embedded": report.embedded, "failures": len(report.failures)}
    sys.stdout.write(json.dumps({**counts, "workers": most, "started": started}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
