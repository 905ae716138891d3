"""What is tried can be installed and run."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.clients.environments import REQUIREMENTS, known
from tests.clients.roster import CLIENTS, chosen, names_of


def test_every_client_has_its_calls_and_its_environment() -> None:
    for client in CLIENTS:
        assert find_spec(f"tests.clients.calls.{client.calls}"), client.name
    assert known() == sorted({one.environment for one in CLIENTS if one.environment})
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)


@pytest.mark.parametrize("name", known())
def test_every_package_is_pinned(name: str) -> None:
    assert (REQUIREMENTS / f"{name}.in").is_file()
    for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines():
        assert "==" in line.split(";")[0], line
        assert "://" not in line


def test_clients_are_chosen_by_name_environment_or_calls() -> None:
    assert chosen([]) == list(CLIENTS)
    assert [one.name for one in chosen(["openai", "immich"])] == [
        "openai-3",
        "openai-2",
        "openai-1",
        "immich",
    ]
    assert all("haystack" in names_of(one) for one in chosen(["haystack"]))
    with pytest.raises(ValueError, match=r"opena: no such client; there are .*openai-3"):
        chosen(["opena"])
