"""From a folder of pictures to the right one: the gallery, the bundled model, real processes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from benchmarks.mixed_load import ask_all, requests, wrong
from mmembed.models.open_clip import BUNDLED_FOLDER
from tests.pictures import GALLERY
from tests.serving import PATIENCE_S, Process, complaints, environment
from tests.web.chromium import ARGUMENTS, find_chromium

pytestmark = pytest.mark.slow

PATIENCE_MS = PATIENCE_S * 1000 / 2
COMMAND = [sys.executable, "-m", "mmembed"]
SOUGHT = {
    "a blue tractor on the road in a thunderstorm": "blue tractor on a country road",
    "four snails in front of a fence": "four brown snails",
    "five green tractors on a farm": "five green tractors",
    "a camel in the woods while it rains": "camel in the forest",
    "two birthday cakes": "two white birthday cakes",
    "astronauts floating in space": "four spacemen floating",
    "a fox on a farm": "a fox in a farmyard",
    "a Christmas tree in the forest at night": "christmas tree in the woods",
    "a crab in the mountains": "large blue crab below high peaks",
    "zebras in the rain": "four zebras",
}
"""Ten searches in other words than the captions', and how the right picture's caption goes."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of the gallery, indexed beforehand by another process."""
    if not (BUNDLED_FOLDER / "open_clip_model.safetensors").is_file():
        pytest.skip("the bundled model is not there yet")
    if not any(GALLERY.glob("*.jpg")):
        pytest.skip("the gallery is not there yet")
    data = tmp_path_factory.mktemp("collection")
    indexed = subprocess.run(
        [*COMMAND, "index", GALLERY, "--data", data, "--model", "bundled"],
        capture_output=True,
        text=True,
        env=environment(MMEMBED_ENGINE="auto"),
        timeout=10 * PATIENCE_S,
    )
    assert (indexed.returncode, complaints(indexed.stderr)) == (0, "")
    with Process(COMMAND, "--data", str(data), before=None, MMEMBED_ENGINE="auto") as server:
        yield server
        assert server.end()[0] == 0


def pictures() -> list[Path]:
    return [path for path in GALLERY.iterdir() if path.suffix in (".jpg", ".png", ".webp")]


def test_the_whole_gallery_is_served(server: Process) -> None:
    health = httpx.get(f"{server.address}/health", timeout=PATIENCE_S).json()
    assert (health["status"], health["model"]) == ("ok", "bundled")
    assert health["images"] == len(pictures()) >= 240
    assert "built-in model" in health["notice"]


def test_each_of_many_clients_gets_their_own_vector(server: Process) -> None:
    """Texts and images mixed, against the vector that the same input has alone."""
    alone = ask_all(server.address, requests(128, 0), 1).vectors
    together = ask_all(server.address, requests(128, 1), 64).vectors
    assert wrong(together, alone) == 0
    assert wrong(together, np.roll(alone, 2, axis=0)) == 128  # another's would be noticed


def test_words_find_the_right_picture(server: Process) -> None:
    missed = []
    for words, caption in SOUGHT.items():
        answer = httpx.get(
            f"{server.address}/v1/search", params={"q": words, "k": 3}, timeout=PATIENCE_S
        )
        hits = answer.json()["hits"]
        if not any(caption in hit["caption"].lower() for hit in hits):
            missed.append(words)
    assert len(missed) <= 1, missed


def test_a_picture_is_named_by_its_labels(server: Process) -> None:
    [fox] = GALLERY.glob("fox-in-a-farmyard*.jpg")
    answer = httpx.post(
        f"{server.address}/v1/classify",
        files={"images": (fox.name, fox.read_bytes())},
        data={"labels": ["a fox", "a tractor", "a birthday cake", "a telephone"]},
        timeout=PATIENCE_S,
    )
    [result] = answer.json()["results"]
    assert (result["name"], result["labels"][0]["label"]) == (fox.name, "a fox")


# -- the page in a browser -----------------------------------------------------------


@pytest.fixture
def page(server: Process) -> Iterator[Page]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            pytest.skip("there is no Chromium; `playwright install chromium` fetches one")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page(base_url=server.address, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda said: errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        yield page
        browser.close()
    assert errors == []


def wait_until_drawn(page: Page, image: Locator) -> None:
    """Not by its decode(): that fails where a larger picture takes its place meanwhile."""
    seen = "image => image.complete && image.naturalWidth > 100"
    page.wait_for_function(seen, arg=image.element_handle(), timeout=PATIENCE_MS)


@pytest.mark.browser
def test_the_page_finds_shows_and_classifies(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#facts")).to_contain_text(
        f"{len(pictures())} pictures", timeout=PATIENCE_MS
    )
    page.locator("#q").fill("a fox on a farm")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("for “a fox on a farm”", timeout=PATIENCE_MS)
    first = page.locator("#grid .tile:visible").first
    image = first.locator("img")
    expect(image).to_have_attribute(
        "alt", re.compile("a fox in a farmyard", re.I), timeout=PATIENCE_MS
    )
    wait_until_drawn(page, image)

    first.locator("a").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text("fox in a farmyard")
    wait_until_drawn(page, dialog.locator(".frame img"))

    dialog.get_by_role("button", name="Classify").click()
    page.get_by_role("button", name="Animals").click()
    best = page.locator(".card .bar-percent").first
    expect(best).to_have_text(re.compile(r"\d+(\.\d+)?\s?%"), timeout=PATIENCE_MS)


@pytest.mark.browser
def test_the_page_of_the_api_describes_every_route(page: Page) -> None:
    page.goto("/docs")
    routes = page.locator("details.route")
    paths = httpx.get(f"{page.url.removesuffix('/docs')}/openapi.json").json()["paths"]
    expect(routes).to_have_count(sum(map(len, paths.values())))
    classify = routes.filter(has_text="/v1/classify")
    classify.locator("summary").click()
    fields = classify.locator(":scope > dl").first
    for name in ("images", "labels", "templates", "mode", "top_k"):
        expect(fields.locator("dt", has_text=re.compile(f"^{name}$"))).to_be_visible()
    expect(classify).to_contain_text("curl")
