"""A real Chromium and a stand-in for the server; a page that asks others or logs an error fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.web.chromium import ARGUMENTS, find_chromium
from tests.web.gestures import Watch
from tests.web.pictures import drawn_collection as make_collection
from tests.web.standin import StandIn


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip("there is no Chromium; `playwright install chromium` fetches one")
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(make_collection()) as standin:
        yield standin


@pytest.fixture
def watch(page: Page, server: StandIn) -> Watch:
    watch: Watch = page.watch
    return watch


@pytest.fixture
def page(browser: Browser, server: StandIn) -> Iterator[Page]:
    context = browser.new_context(
        base_url=server.address,
        viewport={"width": 1200, "height": 800},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(8000)
    watch = page.watch = Watch(page, server.address)
    yield page
    context.close()
    assert watch.outside == []
    assert watch.errors == []
