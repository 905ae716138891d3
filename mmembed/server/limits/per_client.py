"""Limits the connections and requests of each client, so that one client leaves room for all."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache

IPV6_BITS = 64
"""Bits of the network that one caller has: providers give out at least such a network."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Clients:
    """Counts the connections or requests of each caller. This machine and its proxies stand for
    many callers and have no limit."""

    def __init__(self, most: int, proxies: Iterable[Network] = ()) -> None:
        """most: of one caller; 0 for no limit."""
        self.most = most
        self.proxies = tuple(proxies)
        self._held: Counter[Hashable] = Counter()
        self._of = lru_cache(4096)(self._group)

    def group(self, address: str | None) -> Hashable:
        """The key that an address is counted by; None if it has no limit."""
        return self._of(address) if address and self.most else None

    def full(self, group: Hashable, times: int = 1) -> bool:
        """Whether a caller has reached its limit, so many times over."""
        return group is not None and self._held[group] >= self.most * times

    def take(self, group: Hashable, count: int = 1) -> None:
        """One more, or so many."""
        if group is not None:
            self._held[group] += count

    def give_back(self, group: Hashable) -> None:
        """One less."""
        if group is None:
            return
        self._held[group] -= 1
        if self._held[group] <= 0:
            del self._held[group]

    def held(self) -> dict[Hashable, int]:
        """The count of each caller that has a limit."""
        return dict(self._held)

    def _group(self, address: str) -> Hashable:
        parsed = _parsed(address)
        if parsed is None:
            return None  # a socket without addresses
        if parsed.is_loopback or any(parsed in network for network in self.proxies):
            return None
        return caller_at(address)


def caller_at(address: str) -> Address | Network | None:
    """The key of all addresses that a caller may have: for IPv6, a network. None if the text is no
    address."""
    parsed = _parsed(address)
    if parsed is None or parsed.version == 4 or parsed.is_loopback:
        return parsed
    return ipaddress.ip_network((parsed, IPV6_BITS), strict=False)


def _parsed(address: str) -> Address | None:
    """An address as it is written; IPv4 within IPv6 as IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return mapped or parsed


def trusted_proxies(addresses: str | Sequence[str]) -> list[Network]:
    """Proxies whose X-Forwarded-For is trusted, as FORWARDED_ALLOW_IPS lists them."""
    networks: list[Network] = []
    for part in addresses.split(",") if isinstance(addresses, str) else addresses:
        if part.strip() == "*":
            networks += [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
            continue
        try:
            networks.append(ipaddress.ip_network(part.strip(), strict=False))
        except ValueError:
            continue
    return networks
