"""A Ray cluster that mmembed starts speaks with this machine alone, and writes nothing into the
user's home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray._private import ray_constants, services

from mmembed.config.ray_token import token_set, with_home

_BOOTSTRAP = "ray_bootstrap_config.yaml"
"""Ray's dashboard looks in `~` for what started the cluster (UsageStatsHead.run). Without this
file, it asks 169.254.169.254 and metadata.google.internal for the cloud, whatever is set."""
_ALONE = {ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}
"""As on macOS: the processes have addresses of loopback. Otherwise they listen on the network, and
look up this machine's name."""


def starts_one(address: str | None) -> bool:
    """Whether ray.init of an address starts a cluster, rather than join one."""
    found = services.get_ray_address_from_environment(None, None) if address is None else address
    return found in (None, "local")


@contextmanager
def quiet_start() -> Iterator[None]:
    """Within this block, ray.init starts quiet processes. They need the block until they end."""
    with token_set(), TemporaryDirectory(prefix="mmembed-ray-", ignore_cleanup_errors=True) as home:
        Path(home, _BOOTSTRAP).write_text("provider: {type: local}\n")
        real, reaches_others = services.start_ray_process, ray_constants.ENABLE_RAY_CLUSTER

        def start(command: list[str], process_type: str, *rest: Any, **options: Any) -> Any:
            is_dashboard = process_type == ray_constants.PROCESS_TYPE_DASHBOARD
            more = {**_ALONE, **(with_home(home) if is_dashboard else {})}
            options["env_updates"] = {**(options.get("env_updates") or {}), **more}
            return real(command, process_type, *rest, **options)

        services.start_ray_process = start
        ray_constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            services.start_ray_process = real
            ray_constants.ENABLE_RAY_CLUSTER = reaches_others
