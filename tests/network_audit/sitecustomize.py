"""Imported by every Python process that has this folder on its PYTHONPATH.

Stands alone: it runs in processes of other environments, and before anything else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
from typing import Any

FILE = "NETWORK_AUDIT_FILE"
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
CONNECTIONS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LOCAL_NAMES = {"", "localhost", "ip6-localhost"}
OWN_NAME = "NETWORK_AUDIT_OWN_NAME"
"""Set for processes of others that may look up this machine's name, as Python's HTTPServer does."""


def address_of(host: Any) -> Any:
    """The address that a host is written as, in any of the ways that need no look-up; None where
    it is a name."""
    with contextlib.suppress(ValueError, UnicodeError):
        host = host.encode("idna").decode()  # «127。0。0。1», too
    with contextlib.suppress(OSError):
        return ipaddress.ip_address(socket.inet_aton(host))  # 2130706433, 0x7f.1
    with contextlib.suppress(ValueError):
        address = ipaddress.IPv6Address(host.partition("%")[0])
        return address.ipv4_mapped or address
    return None


def host_of(event: str, arguments: tuple[Any, ...]) -> Any:
    """The foreign host that an event is about; None where there is none."""
    if event in LOOKUPS:
        host = arguments[0]
    elif event in CONNECTIONS and isinstance(arguments[-1], tuple):
        host = arguments[-1][0]
    else:
        return None
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host is None or host.lower() in LOCAL_NAMES or host == os.environ.get(OWN_NAME):
        return None
    address = address_of(host)
    if address is None:
        return host
    here = event in LOOKUPS or address.is_loopback or address.is_unspecified
    return None if here else host


def watch(file: str | os.PathLike[str]) -> None:
    """Append a line to the file for each look-up of and connection to a foreign host."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if not event.startswith("socket.") or (host := host_of(event, arguments)) is None:
            return
        line = f"{event} {host!r} in process {os.getpid()}: {' '.join(sys.argv)[:300]}\n"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, line.encode(errors="replace"))
        os.close(descriptor)

    sys.addaudithook(note)


if __name__ == "sitecustomize" and FILE in os.environ:
    watch(os.environ[FILE])
