"""Classifying in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.gestures import RED_PICTURE, bring
from tests.web.pictures import HILLS, drawn

pytestmark = pytest.mark.slow

GREEN_PICTURE = drawn((300, 200), (HILLS["green"], HILLS["green"]))


@pytest.mark.browser
def test_pictures_are_classified_and_a_bad_one_fails_alone(page: Page) -> None:
    page.goto("/?tab=classify")
    files = [("red.jpg", RED_PICTURE), ("torn.jpg", b"torn"), ("green.jpg", GREEN_PICTURE)]
    bring(page, "drop", *files)
    expect(page.locator("#classify-status")).to_have_text("3 pictures, no labels yet.")
    page.locator("#label").fill("green, red")
    page.locator("#label").press("Enter")
    cards = page.locator(".card")
    expect(cards.nth(2).locator(".bar-label")).to_have_text(["green", "red"])
    expect(cards.nth(0).locator(".bar-label")).to_have_text(["red", "green"])
    expect(cards.nth(1).locator(".error")).to_have_text("torn.jpg: not an image that can be read")
    shares = [
        float(text.split()[0]) for text in cards.nth(0).locator(".bar-percent").all_inner_texts()
    ]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    width = "(fill) => fill.getBoundingClientRect().width / fill.parentNode.clientWidth * 100"
    assert cards.nth(0).locator(".fill").first.evaluate(width) == pytest.approx(shares[0], abs=1)
    page.locator("#label").fill("blue,")
    expect(cards.nth(0).locator("li")).to_have_count(3)
    page.get_by_role("button", name="Remove torn.jpg").click()
    expect(page.locator("#classify-status")).to_have_text("2 pictures classified by 3 labels.")


@pytest.mark.browser
def test_results_are_classified_from_the_toolbar(page: Page) -> None:
    page.goto("/?q=red")
    page.get_by_role("button", name="Classify these").click()
    page.get_by_role("button", name="Day and night").click()
    expect(page.locator("#classify-status")).to_have_text("12 pictures classified by 4 labels.")
    page.reload()
    expect(page.locator(".card .bars")).to_have_count(12)


@pytest.mark.browser
def test_each_label_by_itself_is_told_from_other_texts(page: Page) -> None:
    """In the mode sigmoid, a model that was not trained for it gives every label 100 %."""
    page.goto("/?tab=classify&of=1&labels=red,green")
    expect(page.locator(".card .bars")).to_have_count(1)
    page.locator("#options summary").click()
    with page.expect_request(lambda asked: asked.url.endswith("/v1/classify")) as asked:
        page.get_by_label("Each by itself").check()
    assert asked.value.post_data_json["mode"] == "multi"
