"""A site, and a fetcher that may ask it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mmembed.fetch.fetcher import Fetcher
from tests.fetch.sites import HERE, LIMIT, Site, resolver


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        yield site
        site.shutdown()
        thread.join()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(max_bytes=LIMIT, allow=[HERE.upper()], resolve=resolver())
    yield fetcher
    fetcher.close()
