"""Fetching images by address: limits, faults and routes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmembed.errors import ImageTooLarge, Overloaded
from mmembed.fetch import fetcher as fetch
from mmembed.fetch.fetcher import Fetcher
from tests.fetch.sites import HERE, LIMIT, RED, Handler, Site, refusal, resolver
from tests.serving import eventually, serving


def test_an_image_comes_as_it_is(site: Site, fetcher: Fetcher) -> None:
    site.answers["/a b/ü.png"] = site.answers["/a%20b/%C3%BC.png"] = lambda h: h.say(RED)
    assert fetcher.fetch(site.url("/a%20b/ü.png?token=1&x=a b#part"), "x") == RED
    assert site.asked == [("/a%20b/%C3%BC.png?token=1&x=a%20b", f"{HERE}:{site.server_port}")]


def test_what_is_fetched_counts_until_it_is_dropped(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "HELD_BYTES", 10)
    monkeypatch.setattr(fetch, "STEP_BYTES", 10)
    fetcher = Fetcher(max_bytes=10, allow=[HERE], resolve=resolver())
    site.answers["/a"] = lambda h: h.say(b"0123456789")
    first = [fetcher.fetch(site.url("/a"), "a"), fetcher.fetch(site.url("/a"), "a")]
    with pytest.raises(Overloaded, match="fetched images fill"):
        fetcher.fetch(site.url("/a"), "a")
    first.clear()
    assert fetcher.fetch(site.url("/a"), "a") == b"0123456789"
    fetcher.close()


def test_a_small_image_counts_for_no_more_than_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "HELD_BYTES", 60)
    monkeypatch.setattr(fetch, "STEP_BYTES", 50)
    fetcher = Fetcher(max_bytes=10, allow=[HERE], resolve=resolver())
    site.answers["/a"] = lambda h: h.say(b"01")
    held = [fetcher.fetch(site.url("/a"), "a") for _ in range(5)]
    assert held == [b"01"] * 5
    fetcher.close()


def test_chunks_are_joined(site: Site, fetcher: Fetcher) -> None:
    def chunked(h: Handler) -> None:
        h.send_response(200)
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        for piece in (RED[:50], RED[50:], b""):
            h.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    site.answers["/x"] = chunked
    assert fetcher.fetch(site.url("/x"), "x") == RED


# -- redirects -----------------------------------------------------------------------


def test_redirects_are_followed(site: Site, fetcher: Fetcher) -> None:
    site.answers["/a"] = lambda h: h.say(b"", 302, Location="b?x=1")
    site.answers["/b"] = lambda h: h.say(b"", 308, Location=site.url("/c"))
    site.answers["/c"] = lambda h: h.say(RED)
    assert fetcher.fetch(site.url("/a"), "x") == RED
    assert [path for path, _ in site.asked] == ["/a", "/b?x=1", "/c"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://127.0.0.1:{port}/secret", "not on the public internet"),
        ("//127.0.0.1:{port}/secret", "not on the public internet"),
        ("http://169.254.169.254/latest/meta-data", "not on the public internet"),
        ("http://[::ffff:127.0.0.1]:{port}/secret", "not on the public internet"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://images.example/x", "only http and https"),
        ("/again", "more than 5 redirects"),
        ("", "more than 5 redirects"),
    ],
)
def test_redirects_are_checked_like_addresses(
    site: Site, fetcher: Fetcher, location: str, said: str
) -> None:
    where = location.format(port=site.server_port)
    site.answers["/again"] = lambda h: h.say(b"", 302, Location=where)
    site.answers["/secret"] = lambda h: h.say(RED)
    assert said in refusal(fetcher, site.url("/again"))
    assert "/secret" not in [path for path, _ in site.asked]


# -- limits and faults ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gopher://images.example/", "only http and https"),
        ("HTTP://", "expected a host"),
        ("http://user:secret@images.example/", "no user before it"),
        ("http://images.example:99999/", "is no address"),
        ("http://[::1/", "is no address"),
        ("http://a..b/", "is no address"),
        ("http://images.example/" + "x" * 5000, "over 4096 characters"),
        ("http://images.example:1/", "cannot be fetched (Connection refused)"),
        ("http://nowhere.invalid/", "cannot be fetched"),
    ],
)
def test_addresses_that_make_no_sense(fetcher: Fetcher, url: str, said: str) -> None:
    reason = refusal(fetcher, url)
    assert said in reason
    assert len(reason) < 300


def test_errors_do_not_repeat_secrets(site: Site, fetcher: Fetcher) -> None:
    said = refusal(fetcher, site.url("/gone?signature=secret"))
    assert said == f"{site.url('/gone')}: answered 404"


@pytest.mark.parametrize("length", [None, 10, 10**12])
def test_too_much_is_not_read(site: Site, fetcher: Fetcher, length: int | None) -> None:
    def much(h: Handler) -> None:
        h.send_response(200)
        if length:
            h.send_header("Content-Length", str(max(length, LIMIT + 1)))
        else:
            h.close_connection = True
        h.end_headers()
        for _ in range(1000):
            h.wfile.write(b"x" * 100_000)

    site.answers["/x"] = much
    with pytest.raises(ImageTooLarge, match=r"limit 0.005 MB; raise MMEMBED_MAX_IMAGE_MB"):
        fetcher.fetch(site.url("/x"), "x")


def test_what_breaks_off_is_not_taken_for_whole(site: Site, fetcher: Fetcher) -> None:
    site.answers["/x"] = lambda h: h.say(RED[:-5], length=len(RED))
    assert "IncompleteRead" in refusal(fetcher, site.url("/x"))


def test_what_is_compressed_is_refused(site: Site, fetcher: Fetcher) -> None:
    site.answers["/x"] = lambda h: h.say(b"bomb", Content_Encoding="gzip")
    assert "sent compressed" in refusal(fetcher, site.url("/x"))


@pytest.mark.slow
@pytest.mark.parametrize("part", ["head", "body"])
def test_drops_do_not_outlast_the_deadline(
    site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Each byte comes in time, and all of them never."""
    monkeypatch.setattr(fetch, "DEADLINE_S", 0.3)
    over = threading.Event()

    def drip(h: Handler) -> None:
        h.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b""))
        while not over.wait(0.02):
            h.wfile.write(b"x")

    site.answers["/x"] = drip
    started = time.monotonic()
    assert "did not answer within 0.3 s" in refusal(fetcher, site.url("/x"))
    assert time.monotonic() - started < 10
    over.set()


def test_a_resolver_that_hangs_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetch, "DEADLINE_S", 0.2)
    go_on = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        go_on.wait(60)
        return []

    fetcher = Fetcher(max_bytes=LIMIT, resolve=hang)
    assert "did not answer" in refusal(fetcher, "http://slow.example/")
    go_on.set()
    fetcher.close()


def test_few_are_fetched_at_once(
    site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def wait(h: Handler) -> None:
        go_on.wait(60)
        h.say(RED)

    site.answers["/x"] = wait
    with ThreadPoolExecutor(fetch.AT_ONCE) as pool:
        running = [pool.submit(fetcher.fetch, site.url("/x"), "x") for _ in range(fetch.AT_ONCE)]
        eventually(lambda: len(site.asked) == fetch.AT_ONCE)
        monkeypatch.setattr(fetch, "DEADLINE_S", 0.1)
        with pytest.raises(Overloaded, match="8 images are being fetched"):
            fetcher.fetch(site.url("/x"), "x")
        go_on.set()
        assert {one.result() for one in running} == {RED}
    assert fetcher.fetch(site.url("/x"), "x") == RED


def test_a_server_that_speaks_no_tls(site: Site, fetcher: Fetcher) -> None:
    url = site.url("/x").replace("http:", "https:")
    said = refusal(fetcher, url)
    assert said.startswith(f"{url}: cannot be fetched (")
    assert site.asked == []


def test_certificates_are_checked_against_the_name(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fetcher._tls.check_hostname
    assert fetcher._tls.verify_mode == ssl.CERT_REQUIRED
    named: list[str | None] = []

    def wrap(
        self: ssl.SSLContext, sock: socket.socket, *, server_hostname: str | None = None
    ) -> ssl.SSLSocket:
        named.append(server_hostname)
        raise ssl.SSLError("enough")

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusal(fetcher, f"https://{HERE}:{listener.getsockname()[1]}/")
    assert named == [HERE]


# -- through the server --------------------------------------------------------------


@pytest.mark.slow
def test_every_route_fetches_where_it_is_allowed(site: Site, tmp_path: Path) -> None:
    site.answers["/red.png"] = lambda h: h.say(RED)
    url = site.url("/red.png", "127.0.0.1")
    asked = {
        "/v1/embeddings": {"input": [url], "modality": "image"},
        "/v1/search": {"query": [{"image": url}]},
        "/v1/classify": {"images": [url], "labels": ["red", "blue"]},
        "/v1/items": {"image": url},
    }
    with serving(tmp_path, fetch_urls=True, fetch_allow=("127.0.0.1",)) as (client, _):
        for path, body in asked.items():
            assert client.post(path, json=body).status_code in (200, 201)
        labels = client.post("/v1/classify", json=asked["/v1/classify"]).json()["results"]
        assert labels[0]["labels"][0]["label"] == "red"
    assert len(site.asked) == 5


@pytest.mark.parametrize("scheme", ["http", "HTTPS", "file", "ftp"])
def test_nothing_is_fetched_unless_it_is_allowed(site: Site, tmp_path: Path, scheme: str) -> None:
    url = site.url("/red.png").replace("http", scheme, 1)
    with serving(tmp_path, fetch_allow=("127.0.0.1",)) as (client, _):
        answer = client.post("/v1/embeddings", json={"input": url, "modality": "image"})
    assert answer.status_code == 422
    assert "are not fetched here" in answer.json()["detail"]
    assert "MMEMBED_FETCH_URLS=on" in answer.json()["detail"]
    assert site.asked == []
