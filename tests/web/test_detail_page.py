"""The detail of a picture, and walking from one to the next, in a real Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.gestures import bring, tiles
from tests.web.pictures import HOSTILE, HOSTILE_NAME

pytestmark = pytest.mark.slow


@pytest.mark.browser
def test_the_keyboard_walks_opens_and_closes(page: Page) -> None:
    page.goto("/?q=blue")
    expect(tiles(page).first).to_be_visible()
    page.locator("#q").press("ArrowDown")
    expect(tiles(page).nth(0).locator("a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    opened = page.url
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(opened)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(opened)
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tiles(page).nth(2).locator("a")).to_be_focused()
    expect(page).not_to_have_url(re.compile("item="))
    page.keyboard.press("Home")
    expect(tiles(page).nth(0).locator("a")).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert below > (tiles(page).nth(0).bounding_box() or {"y": 0})["y"] + 50
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_be_focused()


@pytest.mark.browser
def test_the_focus_stays_in_the_detail_while_it_is_filled_in(page: Page) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/v1/items/\d+$"), lambda route: held.append(route))
    page.goto("/?q=blue")
    tiles(page).first.locator("a").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Copy the path").focus()
    filled = page.locator(".side").evaluate_handle("side => side.firstElementChild")
    held[0].continue_()
    page.wait_for_function("before => !before.isConnected", arg=filled)
    assert page.evaluate("document.activeElement.closest('.side') !== null")


@pytest.mark.browser
def test_the_detail_says_all_that_is_known(page: Page) -> None:
    page.goto("/?q=red&item=1")
    dialog = page.get_by_role("dialog", name="a red hill under a pale sky")
    expect(dialog.get_by_role("heading")).to_have_text("a red hill under a pale sky")
    place = "52.50431° N, 13.36667° W"
    shot = ("May 3, 2019 at 10:11 AM", "Nikon D90", "50mm f/1.8", place, "nobody")
    facts = ("480 × 320 · 48 kB", "JPEG", "hill", "relevance 1.00 · cosine 0.400")
    for text in ("red hill", *facts, *shot):
        expect(dialog.get_by_text(text, exact=True).first).to_be_visible()
    expect(dialog.locator(".frame img")).to_have_attribute("src", "/v1/items/1/image")
    dialog.get_by_role("button", name="Copy the path").click()
    assert page.evaluate("navigator.clipboard.readText()") == "/pictures/hills/red-1.jpg"
    link = dialog.get_by_role("link", name=place)
    expect(link).to_have_attribute("href", "geo:52.5043056,-13.3666667")
    dialog.get_by_role("button", name="Copy the place").click()
    assert page.evaluate("navigator.clipboard.readText()") == "geo:52.5043056,-13.3666667"
    dialog.get_by_role("button", name="Classify").click()
    expect(page).to_have_url(re.compile(r"tab=classify.*of=1"))
    expect(page.locator(".card-name")).to_have_text("red-1.jpg")


@pytest.mark.browser
def test_markup_in_captions_names_and_labels_is_text(page: Page) -> None:
    page.goto("/?item=2")
    expect(page.get_by_role("heading", name="onerror")).to_have_text(HOSTILE)
    expect(page.locator(".tags span").nth(1)).to_have_text("<i>drawn</i>")
    page.goto("/?item=3")
    expect(page.locator(".path")).to_have_text(f"/pictures/{HOSTILE_NAME}")
    page.goto("/?kind=caption")
    expect(page.locator(".caption-text").nth(1)).to_have_text(HOSTILE)
    label = "<img src=x onerror=window.hacked=3>"
    page.goto("/?tab=classify&of=2,3")
    page.locator("#label").fill(label + ",red")
    expect(page.locator(".bar-label").get_by_text(label)).to_have_count(2)
    bring(page, "drop", (HOSTILE_NAME, b"no picture"))
    expect(page.locator(".card .error")).to_contain_text(HOSTILE_NAME)
    page.goto("/?q=" + "%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D4%3E")
    expect(page.locator("#status")).to_contain_text("<img src=x")
    assert page.evaluate("window.hacked") is None


@pytest.mark.browser
def test_a_finger_swipes_to_the_next_picture(page: Page) -> None:
    page.goto("/?q=red&item=1")
    expect(page.get_by_role("button", name="Next picture")).to_be_visible()
    page.evaluate(
        """() => {
          const target = document.querySelector('.stage');
          const at = (clientX) => [new Touch({ identifier: 1, target, clientX, clientY: 200 })];
          target.dispatchEvent(new TouchEvent('touchstart', { touches: at(400) }));
          target.dispatchEvent(new TouchEvent('touchend', { changedTouches: at(200) }));
        }"""
    )
    expect(page).to_have_url(re.compile("item=2"))
