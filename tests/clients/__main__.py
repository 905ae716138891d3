"""Try clients, and show the table: python -m tests.clients [--install] [CLIENT…]

--install makes their environments and stops: the rest then takes no network.

Where all were tried and none failed, the table is written to docs/clients-tested.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients.environments import python_of
from tests.clients.roster import CLIENTS, chosen
from tests.clients.table import Table, write

TESTS = Path(__file__).parent / "test_clients.py"
PAGE = Path(__file__).parents[2] / "docs" / "clients-tested.md"


INSTALL = "--install"


def main(asked: list[str]) -> int:
    """0 where every client that was chosen got what it should."""
    clients = chosen([name for name in asked if name != INSTALL])
    for client in clients:
        if client.environment:
            python_of(client.environment)
    if INSTALL in asked:
        return 0
    table = Table()
    which = " or ".join(f"[{client.name}]" for client in clients)
    status = pytest.main([str(TESTS), "-q", "-m", "clients", "-k", which], plugins=[table])
    sys.stdout.write(f"\n{table.markdown()}")
    if status == 0 and len(clients) == len(CLIENTS):
        write(PAGE, table.markdown())
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
