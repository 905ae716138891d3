"""Names of hosts as they stand in settings and in headers: `photos.example`, `*.example`, `*`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from mmembed.errors import InputError

EVERY = "*"
_HOST = re.compile(
    r"\[(?P<v6>[0-9a-f:.]+)\](?P<port6>:\d+)?|(?P<name>[^\s:/?#@\[\]\\]+)(?P<port>:\d+)?", re.I
)
_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.I)


class Hosts:
    """The host names by which a server may be called: some names, all below a domain (`*.example`),
    or every name (`*`)."""

    def __init__(self, patterns: Iterable[str]) -> None:
        known = {name for text in patterns if (name := pattern_of(text))}
        self._every = EVERY in known
        self._names = {name for name in known if EVERY not in name and not is_address(name)}
        self._domains = tuple(name.removeprefix(EVERY) for name in known if name.startswith("*."))

    def has(self, name: str) -> bool:
        """Whether a server may be called so. Addresses and `localhost` always: they cannot be
        rebound."""
        return self._every or name == "localhost" or is_address(name) or self.names(name)

    def names(self, name: str) -> bool:
        """Whether the name itself, or a domain above it, was given: no address, and not by `*`."""
        return name in self._names or name.endswith(self._domains)


def host_name(host: str) -> str | None:
    """`Photos.example:8000` → `photos.example`; None if it is not a host and port."""
    match = _HOST.fullmatch(host.strip())
    return (match["v6"] or match["name"]).lower().rstrip(".") or None if match else None


def pattern_of(text: str) -> str | None:
    """A setting's host in lower case and without its port; None if it could match nothing."""
    if text.strip() == EVERY:
        return EVERY
    name = host_name(text)
    if name is None and is_address(text.strip().lower()):  # IPv6 without its brackets
        name = text.strip().lower()
    if name is None or not (is_address(name) or _NAME.fullmatch(_ascii(name))):
        return None
    return _ascii(name)


def has_port(text: str) -> bool:
    """Whether a host is followed by a port."""
    match = _HOST.fullmatch(text.strip())
    return match is not None and bool(match["port"] or match["port6"])


def is_address(name: str) -> bool:
    """Whether it is an address, IPv4 or IPv6, rather than a name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _ascii(name: str) -> str:
    """`bücher.example` as browsers send it; unchanged if it is no host name."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def check_names(setting: str, names: Sequence[str]) -> None:
    """Refuses names that no request can be called by. Raises InputError."""
    for name in names:
        if pattern_of(name) is None:
            raise _no_host(setting, name, ", or *.example")


def check_hosts(setting: str, hosts: Sequence[str]) -> None:
    """Refuses hosts that no address names. Raises InputError."""
    for host in hosts:
        pattern = pattern_of(host)
        if pattern is None:
            raise _no_host(setting, host, "")
        if EVERY in pattern or has_port(host):
            raise InputError(
                f"{setting}: {host} would match nothing; name each host by itself, without a port "
                "and without *"
            )


def _no_host(setting: str, host: str, also: str) -> InputError:
    return InputError(
        f"{setting}: {host} is no host; write photos.example, without http:// and without a path"
        + also
    )
