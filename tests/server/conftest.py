"""One app over a small collection for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.serving import add, serving


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """An app over an empty collection, for requests that change nothing that others look at."""
    with serving(tmp_path_factory.mktemp("empty"), max_items=6) as (client, _):
        yield client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("collection")
    with serving(folder, max_upload_mb=0.2, allowed_hosts=("Photos.example", "x:9")) as (
        client,
        _,
    ):
        add(client, "red", caption="a red field", tags=["b", "a"])
        yield client
