"""What mmembed changes while it starts a Ray cluster; test_ray_s3 shows that nothing is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install mmembed[ray]")

from ray._private import services

from mmembed.cluster.ray_privacy import quiet_start, starts_one
from tests.cluster.patience import BOOTSTRAP

pytestmark = pytest.mark.scale
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Addresses of loopback alone."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder of a user without settings for Ray."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """By the kinds of processes that were started, what their environments have beside ours."""
    found: dict[str, dict[str, str]] = {}

    def start(command: list[str], kind: str, **options: Any) -> None:
        found[kind] = options.get("env_updates") or {}

    monkeypatch.setattr(services, "start_ray_process", start)
    return found


def test_the_dashboard_alone_has_another_home(
    home: Path, started: dict[str, dict[str, str]]
) -> None:
    with quiet_start():
        services.start_ray_process(["dashboard"], "dashboard", env_updates={"a": "b"})
        services.start_ray_process(["raylet"], "raylet")
        folder = Path(started["dashboard"]["HOME"])
        name, content = BOOTSTRAP
        assert (folder / name).read_text() == content
        assert os.environ["HOME"] == str(home)
    assert started == {"dashboard": {"a": "b", "HOME": str(folder), **ALONE}, "raylet": ALONE}
    assert not folder.exists()


def test_a_token_of_the_user_is_used_and_none_is_left(
    home: Path, started: dict[str, dict[str, str]]
) -> None:
    with quiet_start():
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert list(home.iterdir()) == []
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    with quiet_start():
        assert "RAY_AUTH_TOKEN" not in os.environ
        services.start_ray_process(["dashboard"], "dashboard")
    assert started["dashboard"]["RAY_AUTH_TOKEN_PATH"] == str(token)


@pytest.mark.usefixtures("home")
def test_other_clusters_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "find_bootstrap_address", lambda folder: None)
    addresses = (None, "local", "auto", "ray://head:10001")
    assert [starts_one(one) for one in addresses] == [True, True, False, False]
    monkeypatch.setattr(services, "find_bootstrap_address", lambda folder: "10.0.0.1:6379")
    assert not starts_one(None)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert not starts_one(None)
