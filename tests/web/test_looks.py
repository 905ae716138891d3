"""Themes, contrast, narrow screens and the description of the API in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.gestures import HERE
from tests.web.standin import StandIn

pytestmark = pytest.mark.slow

TEXTS = ("text", "muted", "accent", "danger")
GROUNDS = ("bg", "surface", "sunken")
MIN_CONTRAST = 4.5
READY = "#grid .tile:visible, #captions li:visible, .card .bars"


@pytest.mark.browser
def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(ground)
    page.reload()
    assert page.evaluate(ground) == dark != light
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_heard(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    audit = (HERE / "audit.js").read_text("utf-8")
    for address in (
        "/?q=red",
        "/?item=1&q=red",
        "/?kind=caption",
        "/?tab=classify&of=1&labels=red",
    ):
        page.goto(address)
        expect(page.locator(READY)).not_to_have_count(0)
        pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
        pairs += [("on-accent", "accent"), ("notice-text", "notice")]
        page.evaluate("(pairs) => { window.pairs = pairs }", pairs)
        found = page.evaluate(audit)
        assert (found["nameless"], found["unlabelled"], found["repeated"]) == ([], [], []), address
        assert [pair for pair in found["contrasts"] if pair[2] < MIN_CONTRAST] == []
    page.goto("/")
    for role in ("banner", "search", "navigation", "main", "status"):
        expect(page.get_by_role(role).first).to_be_attached()
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.browser
def test_the_api_is_described_without_outside_help(page: Page, server: StandIn) -> None:
    page.goto("/")
    page.get_by_role("link", name="The HTTP API").click()
    search = page.locator("details", has_text="GET/v1/search")
    search.locator("summary").click()
    expect(search.locator("dt").first).to_have_text("q")
    expect(search.locator(".command code")).to_have_text(
        f"curl '{server.address}/v1/search?q=a+boat+at+sunset&k=3'"
    )
    answer = search.locator(".answer")
    expect(answer.locator("dt").first).to_have_text("hits")
    expect(answer.locator("pre")).to_contain_text('"score": 0.354831')
    expect(search.locator(".errors dt").first).to_have_text("401")


@pytest.mark.browser
def test_nothing_overflows_a_narrow_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    for address in (
        "/?q=red",
        "/?item=2&q=red",
        "/?kind=caption",
        "/?tab=classify&of=1,2&labels=red",
    ):
        page.goto(address)
        expect(page.locator(READY)).not_to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
