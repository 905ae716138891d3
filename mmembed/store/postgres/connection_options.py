"""How connections to a database are made."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mmembed.config.store_address import Address
from mmembed.errors import StoreError

CONNECT_S = 10
"""Seconds after which an attempt to connect is given up, unless the address says otherwise."""
FIXED = {
    "jit": "off",  # compiling costs more than a search
    "hnsw.iterative_scan": "relaxed_order",  # otherwise filtered searches come back short
    "hnsw.max_scan_tuples": "200000",
    "hnsw.scan_mem_multiplier": "8",
    "random_page_cost": "1.1",  # rows in memory or on solid disks: else a filter reads all rows
    "timezone": "UTC",
    "client_min_messages": "warning",  # a commit without its standby is one; see standby
}
"""Settings of every connection, by name."""
ALIVE = {
    **{"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3},
    "tcp_user_timeout": 60_000,
}
"""A machine that vanished is noticed after a minute. Keepalives alone do not notice it while a
statement is on its way there: the system would repeat it for a quarter of an hour."""


def options_of(address: Address) -> dict[str, Any]:
    """The parameters of a connection. Raises StoreError for an address that libpq does not know."""
    try:
        given = conninfo_to_dict(address.connect)
    except psycopg.Error:
        raise StoreError(
            "MMEMBED_STORE: libpq does not understand the address; expected "
            "postgresql://user:password@host:5432/database, with special signs written as %XX"
        ) from None
    return {"connect_timeout": CONNECT_S, **ALIVE, **given}
