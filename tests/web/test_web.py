"""The web page: its pure logic in node, the whole of it in a real Chromium."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect, sync_playwright

from tests.web.chromium import ARGUMENTS, find_chromium
from tests.web.pictures import HILLS, HOSTILE, HOSTILE_NAME, SKIES, Collection, drawn
from tests.web.pictures import drawn_collection as make_collection
from tests.web.standin import INDEX_COMMAND, PROGRAM, StandIn

HERE = Path(__file__).parents[1] / "web"
WEB = HERE.parents[1] / "web"
RED_PICTURE = drawn((480, 320), (HILLS["red"], SKIES["an evening sky"]))
GREEN_PICTURE = drawn((300, 200), (HILLS["green"], HILLS["green"]))
TEXTS = ("text", "muted", "accent", "danger")
GROUNDS = ("bg", "surface", "sunken")
MIN_CONTRAST = 4.5
READY = "#grid .tile:visible, #captions li:visible, .card .bars"


def test_the_pure_logic() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the page's logic is tested with `node --test`")
    files = sorted(str(file) for file in HERE.glob("*.test.mjs"))
    run = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


def test_the_page_has_no_inline_code_and_no_outside_addresses() -> None:
    for file in WEB.glob("*.*"):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), file.name
        assert "innerHTML" not in text, file.name
        assert not re.search(r"<script>|\sstyle=|\son\w+=\"", text), file.name


# -- in a browser --------------------------------------------------------------------


@pytest.fixture(scope="module")
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


class Watch:
    """What a page did that it should not have done."""

    def __init__(self, page: Page, address: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.expected: tuple[str, ...] = ()
        self._address = address
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._console(message.type, message.text))

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._address, "data:", "blob:" + self._address)):
            self.outside.append(request.url)

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.errors.append(text)


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


def tiles(page: Page) -> Locator:
    return page.locator("#grid .tile:visible")


def names(page: Page, count: int) -> list[str]:
    images = tiles(page).locator("img")
    return [images.nth(index).get_attribute("alt") or "" for index in range(count)]


def bring(page: Page, event: str, *files: tuple[str, bytes]) -> None:
    """Drop or paste files, as a person would from a folder."""
    page.evaluate(
        """([event, files]) => {
          const transfer = new DataTransfer();
          for (const [name, kind, data] of files) {
            const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: kind }));
          }
          const common = { bubbles: true, cancelable: true };
          const made = event === 'paste'
            ? new ClipboardEvent('paste', { ...common, clipboardData: transfer })
            : new DragEvent(event, { ...common, dataTransfer: transfer });
          document.body.dispatchEvent(made);
        }""",
        [
            event,
            [
                (
                    name,
                    "text/plain" if name.endswith(".txt") else "image/jpeg",
                    base64.b64encode(data).decode(),
                )
                for name, data in files
            ],
        ],
    )


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
    facts = ("480 × 320 · 48 kB", "JPEG", "hill", "relevance 1.00 · cosine 0.400")
    for text in (
        "red hill",
        *facts,
        "May 3, 2019 at 10:11 AM",
        "Nikon D90",
        "50mm f/1.8",
        "nobody",
        place,
    ):
        expect(dialog.get_by_text(text, exact=True).first).to_be_visible()
    expect(dialog.locator(".frame img")).to_have_attribute("src", "/v1/items/1/image")
    dialog.get_by_role("button", name="Copy the path").click()
    assert page.evaluate("navigator.clipboard.readText()") == "/pictures/hills/red-1.jpg"
    expect(dialog.get_by_role("link", name=place)).to_have_attribute(
        "href", "geo:52.5043056,-13.3666667"
    )
    dialog.get_by_role("button", name="Copy the place").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "geo:52.5043056,-13.3666667"
    dialog.get_by_role("button", name="Classify").click()
    expect(page).to_have_url(re.compile(r"tab=classify.*of=1"))
    expect(page.locator(".card-name")).to_have_text("red-1.jpg")


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
