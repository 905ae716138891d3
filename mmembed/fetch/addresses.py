"""Which addresses are on the internet."""

from __future__ import annotations

import ipaddress
import socket
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Carries an IPv4 address in its last four bytes: RFC 6052."""
NOT_PUBLIC = [
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carriers' own
        "192.0.0.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",  # benchmarks
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which leads to any IPv4 address
        "3fff::/20",  # documentation
    )
]
"""Networks that `ipaddress` may lack; its lists differ between versions of Python. IANA's
registries: https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry"""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system gives them. Raises OSError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[4][0]) for where in entries))


def is_public(text: str) -> bool:
    """Whether an address is on the internet, rather than of this machine or its networks. Raises
    ValueError if the text is no address."""
    return _is_public(ipaddress.ip_address(text))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inside = _carried(address)
        if inside is not None:
            return _is_public(inside)
        if address not in GLOBAL_V6:
            return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in net for net in NOT_PUBLIC)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
