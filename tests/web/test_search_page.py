"""Searching in a real Chromium."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.gestures import RED_PICTURE, Watch, bring, tiles
from tests.web.pictures import Collection
from tests.web.standin import INDEX_COMMAND, PROGRAM, StandIn

pytestmark = pytest.mark.slow


def names(page: Page, count: int) -> list[str]:
    images = tiles(page).locator("img")
    return [images.nth(index).get_attribute("alt") or "" for index in range(count)]


@pytest.mark.browser
def test_words_find_pictures(page: Page, server: StandIn) -> None:
    page.goto("/")
    expect(page.locator("#facts")).to_have_text("72 pictures · bundled")
    expect(page.locator("#status")).to_have_text("60 of 72 pictures")
    page.keyboard.press("/")
    page.keyboard.type("violet hill night")
    expect(page.locator("#status")).to_contain_text("for “violet hill night”")
    assert names(page, 4) == ["a violet hill under a night sky"] * 4
    expect(tiles(page).first.locator(".figure")).to_have_text("relevance 1.00 · cosine 0.400")
    page.locator("#q").fill("golden hill")
    page.keyboard.press("Enter")
    expect(tiles(page).first.locator("img")).to_have_attribute("alt", re.compile("golden"))
    page.keyboard.press("Escape")
    expect(page.locator("#status")).to_have_text("60 of 72 pictures")
    expect(page).to_have_url(server.address + "/")


@pytest.mark.browser
@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_a_picture_finds_pictures_like_it(page: Page, server: StandIn, way: str) -> None:
    page.goto("/")
    expect(tiles(page).first).to_be_visible()
    if way == "choose":
        payload = {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": RED_PICTURE}
        page.set_input_files("#picture-file", files=[payload])
    else:
        bring(page, way, ("mine.jpg", RED_PICTURE))
    expect(page.locator("#status")).to_contain_text("for this picture")
    assert names(page, 1) == ["a red hill under an evening sky"]
    chip = page.locator("#query-chips .chip")
    expect(chip).to_have_text("mine.jpg")
    page.locator("#q").fill("blue")
    expect(page.locator("#status")).to_contain_text("for “blue” and this picture")
    body = server.behaviour.requests[-1][2]
    assert isinstance(body, dict)
    assert body["query"][0] == {"text": "blue"}
    assert base64.b64decode(body["query"][1]["image"].partition(",")[2]) == RED_PICTURE
    chip.get_by_role("button", name="Remove mine.jpg").click()
    expect(chip).to_have_count(0)
    expect(page.locator("#status")).to_have_text("Best 60 pictures for “blue”")


@pytest.mark.browser
def test_dragging_shows_where_to_drop_and_refuses_what_is_no_picture(page: Page) -> None:
    page.goto("/")
    bring(page, "dragenter", ("mine.jpg", RED_PICTURE))
    expect(page.locator("#drop")).to_be_visible()
    bring(page, "dragleave", ("mine.jpg", RED_PICTURE))
    expect(page.locator("#drop")).to_be_hidden()
    bring(page, "drop", ("notes.txt", b"words"))
    expect(page.get_by_role("alert")).to_contain_text("notes.txt is not a picture")


@pytest.mark.browser
def test_more_like_this_combines_with_words(page: Page) -> None:
    page.goto("/?q=green")
    first = tiles(page).first
    expect(first.locator("img")).to_have_attribute("alt", re.compile("green"))
    first.hover()
    first.get_by_role("button", name=re.compile("More like")).click()
    expect(page).to_have_url(re.compile(r"q=green&like=\d+"))
    expect(page.locator("#status")).to_contain_text("for “green” and this picture")
    page.reload()
    expect(page.locator("#query-chips .chip")).to_contain_text("a green hill")


@pytest.mark.browser
def test_the_address_holds_the_state(page: Page, server: StandIn) -> None:
    page.goto("/?q=golden+hill&kind=caption")
    expect(page.locator("#q")).to_have_value("golden hill")
    expect(page.get_by_role("radio", name="Captions")).to_be_checked()
    first = page.locator("#captions li").first
    expect(first).to_contain_text("a golden hill")
    expect(first.locator("img")).to_be_visible()
    first.click()
    expect(page).to_have_url(re.compile(r"q=golden\+hill&kind=caption&item=\d+"))
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("radio", name="Pictures").check()
    expect(page).to_have_url(server.address + "/?q=golden+hill")
    page.get_by_role("link", name="Classify").click()
    page.get_by_role("button", name="Animals").click()
    expect(page).to_have_url(re.compile("labels=cat%2Cdog"))
    page.go_back()
    expect(page.locator("#status")).to_have_text("Best 60 pictures for “golden hill”")
    page.go_back()
    expect(page.get_by_role("radio", name="Captions")).to_be_checked()
    page.go_forward()
    expect(page.get_by_role("radio", name="Pictures")).to_be_checked()
    assert page.title() == "golden hill · mmembed"


@pytest.mark.browser
def test_scrolling_brings_more_and_moves_nothing(page: Page) -> None:
    page.goto("/")
    expect(tiles(page).first).to_be_visible()
    places = (
        "() => [...document.querySelectorAll('.tile')].slice(0, 40).map((t) => t.style.transform)"
    )
    before = page.evaluate(places)
    page.mouse.wheel(0, 20000)
    expect(page.locator("#status")).to_have_text("72 pictures")
    expect(tiles(page)).to_have_count(72)
    assert page.evaluate(places) == before
    rights = page.evaluate(
        """() => [...document.querySelectorAll('.tile')].map((tile) =>
          Math.round(tile.getBoundingClientRect().right))"""
    )
    assert rights.count(max(rights)) > 8  # rows end flush at the right edge


@pytest.mark.browser
def test_only_the_newest_answer_counts(page: Page, server: StandIn) -> None:
    server.behaviour.delay_s = {"q=red": 0.6}
    page.goto("/")
    page.locator("#q").fill("red")
    page.keyboard.press("Enter")
    page.locator("#q").fill("green")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Best 60 pictures for “green”")
    page.wait_for_timeout(700)
    expect(page.locator("#status")).to_have_text("Best 60 pictures for “green”")
    assert all("green" in name for name in names(page, 3))


@pytest.mark.browser
def test_errors_are_sentences_with_a_way_on(page: Page, server: StandIn, watch: Watch) -> None:
    watch.expected = ("503", "ERR_", "404", "429")
    server.behaviour.broken = {"/v1/search": (503, "The model is still loading; try in a moment.")}
    page.goto("/?q=red")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The model is still loading")
    server.behaviour.broken = {}
    alert.get_by_role("button", name="Try again").click()
    expect(tiles(page).first).to_be_visible()
    page.goto("/?item=999")
    expect(page.get_by_role("dialog")).to_contain_text("There is no item 999.")
    server.behaviour.broken = {"/v1/classify": (429, "Too many wait; try again in 2 s.")}
    page.goto("/?tab=classify&of=1&labels=red,green")
    expect(alert).to_contain_text("Too many wait")
    server.behaviour.broken = {}
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".bar-label")).to_have_count(2)
    page.goto("/")
    page.route("**/v1/**", lambda route: route.abort())
    page.locator("#q").fill("blue")
    expect(alert).to_contain_text("The server does not answer.")


@pytest.mark.browser
def test_a_filter_narrows_and_its_errors_point_at_the_place(
    page: Page, server: StandIn, watch: Watch
) -> None:
    watch.expected = ("422",)
    page.goto("/?q=red")
    field = page.get_by_label("Filter")
    field.fill("width>4000 -tag:a")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"where=width%3E4000\+-tag%3Aa"))
    expect(tiles(page).first).to_be_visible()
    assert "where=width%3E4000" in server.behaviour.requests[-1][1]
    page.reload()
    expect(field).to_have_value("width>4000 -tag:a")
    place = "  colour:red\n  ^"
    said = f"where, column 1: unknown field 'colour'\n{place}"
    server.behaviour.broken = {"/v1/search": (422, said)}
    field.fill("colour:red")
    field.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert.locator("p")).to_have_text("where, column 1: unknown field 'colour'")
    assert alert.locator("pre").text_content() == place
    server.behaviour.broken = {}
    field.fill("")
    field.press("Enter")
    expect(page).to_have_url(server.address + "/?q=red")
    expect(tiles(page).first).to_be_visible()


@pytest.mark.browser
def test_an_empty_collection_says_how_to_fill_it(page: Page, server: StandIn) -> None:
    full, server.behaviour.collection = server.behaviour.collection, Collection()
    page.goto("/")
    expect(page.locator("#message code")).to_have_text(INDEX_COMMAND)
    page.goto("/?q=red")
    expect(page.locator("#message")).to_have_text("Nothing found for “red”.")
    page.goto("/")
    look_again = page.get_by_role("button", name="Look again")
    expect(look_again).to_be_visible()  # else the page may ask only when there are pictures
    server.behaviour.collection = full
    look_again.click()
    expect(page.locator("#facts")).to_have_text("72 pictures · bundled")
    expect(tiles(page).first).to_be_visible()


@pytest.mark.browser
def test_the_bundled_model_is_announced_and_the_notice_dismissed(page: Page) -> None:
    page.goto("/")
    notice = page.get_by_role("complementary", name="About the model")
    expect(notice).to_contain_text("built-in model")
    notice.get_by_text("How to switch").click()
    expect(notice.locator("code").first).to_contain_text(f"{PROGRAM} index ~/Pictures --model")
    notice.get_by_role("button", name="Dismiss").click()
    page.reload()
    expect(page.locator("#facts")).to_contain_text("bundled")
    expect(notice).to_be_hidden()
