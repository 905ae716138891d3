"""Nodes of Ray on a machine that is busy. `python -m tests.cluster.slow_nodes ADDRESS` is a node
that joins a cluster, until it gets a SIGTERM."""

from __future__ import annotations

import sys
import time
from typing import Any

from ray._private import services, utils
from ray.scripts.scripts import cli


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


if __name__ == "__main__":
    wait_longer()
    cli(["start", "--address", sys.argv[1], "--num-cpus", "1", "--block"])
