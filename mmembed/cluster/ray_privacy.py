"""A Ray cluster that mmembed starts speaks with this machine alone, and writes nothing into the
user's home."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray._private import ray_constants, services

_BOOTSTRAP = "ray_bootstrap_config.yaml"
"""Ray's dashboard looks in `~` for what started the cluster (UsageStatsHead.run). Without this
file, it asks 169.254.169.254 and metadata.google.internal for the cloud, whatever is set."""
_TOKEN = "RAY_AUTH_TOKEN"
"""The secret of a cluster. Without one, ray.init writes it into `~/.ray/auth_token`."""
_TOKENS_FILE = "RAY_AUTH_TOKEN_PATH"
_ALONE = {ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}
"""As on macOS: the processes have addresses of loopback. Otherwise they listen on the network, and
look up this machine's name."""


def starts_one(address: str | None) -> bool:
    """Whether ray.init of an address starts a cluster, rather than join one."""
    if address is not None or os.environ.get(ray_constants.RAY_ADDRESS_ENVIRONMENT_VARIABLE):
        return address == "local"
    return services.find_bootstrap_address(None) is None


@contextmanager
def quiet_start() -> Iterator[None]:
    """Within this block, ray.init starts quiet processes. They need the block until they end."""
    with _token(), TemporaryDirectory(prefix="mmembed-ray-", ignore_cleanup_errors=True) as home:
        Path(home, _BOOTSTRAP).write_text("provider: {type: local}\n")
        real, reaches_others = services.start_ray_process, ray_constants.ENABLE_RAY_CLUSTER

        def start(command: list[str], process_type: str, *rest: Any, **options: Any) -> Any:
            is_dashboard = process_type == ray_constants.PROCESS_TYPE_DASHBOARD
            more = {**_ALONE, **(_at_home(home) if is_dashboard else {})}
            options["env_updates"] = {**(options.get("env_updates") or {}), **more}
            return real(command, process_type, *rest, **options)

        services.start_ray_process = start
        ray_constants.ENABLE_RAY_CLUSTER = False
        try:
            yield
        finally:
            services.start_ray_process = real
            ray_constants.ENABLE_RAY_CLUSTER = reaches_others


@contextmanager
def _token() -> Iterator[None]:
    """The user's token, or one for this block."""
    if _TOKEN in os.environ or _TOKENS_FILE in os.environ or _users_token().is_file():
        yield
        return
    os.environ[_TOKEN] = secrets.token_hex(32)
    try:
        yield
    finally:
        os.environ.pop(_TOKEN, None)


def _at_home(home: str) -> dict[str, str]:
    """What makes a folder the home of a process that shows the user's token."""
    token = _users_token()
    found = _TOKENS_FILE not in os.environ and token.is_file()
    return {"HOME": home, **({_TOKENS_FILE: str(token)} if found else {})}


def _users_token() -> Path:
    return Path(os.path.expanduser("~"), ".ray", "auth_token")
