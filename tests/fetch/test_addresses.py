"""Which addresses are fetched, and that nothing else is reached."""

from __future__ import annotations

import socket

import pytest

from mmembed.fetch.addresses import is_public
from mmembed.fetch.fetcher import Fetcher
from tests.fetch.sites import LIMIT, RED, Site, refusal, resolver


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::]",
     "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "LOCALHOST", "127。0。0。1"],
)  # fmt: skip
def test_this_machine_is_not_asked_however_it_is_called(site: Site, host: str) -> None:
    fetcher = Fetcher(max_bytes=LIMIT)
    site.answers["/x"] = lambda h: h.say(RED)
    said = refusal(fetcher, site.url("/x", host))
    fetcher.close()
    assert "not on the public internet" in said or "cannot be fetched" in said
    assert site.asked == []


@pytest.mark.parametrize("addresses", ["10.0.0.1", "8.8.8.8 127.0.0.1", "169.254.169.254", "::1"])
def test_a_name_of_something_private_is_refused_without_telling_of_what(
    site: Site, addresses: str
) -> None:
    fetcher = Fetcher(max_bytes=LIMIT, resolve=resolver(inside=addresses))
    said = refusal(fetcher, site.url("/x", "inside.example"))
    fetcher.close()
    assert "MMEMBED_FETCH_ALLOW" in said
    assert addresses.split()[-1] not in said
    assert site.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked up first, and private afterwards."""
    answers = iter([["203.0.114.1"], ["127.0.0.1"], ["127.0.0.1"]])
    fetcher = Fetcher(max_bytes=LIMIT, resolve=lambda host, port: next(answers))
    asked: list[str] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("socket.create_connection", connect)
    assert "Connection refused" in refusal(fetcher, site.url("/x", "rebinding.example"))
    fetcher.close()
    assert asked == ["203.0.114.1"]
