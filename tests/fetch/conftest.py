"""A site, and a fetcher that may ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmembed.fetch.fetcher import Fetcher
from tests.fetch.sites import HERE, LIMIT, Site, resolver, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(max_bytes=LIMIT, allow=[HERE.upper()], resolve=resolver())
    yield fetcher
    fetcher.close()
