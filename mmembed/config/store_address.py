"""The address of a PostgreSQL database, and the name under which it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

from mmembed.errors import InputError

SCHEMES = ("postgresql", "postgres")
SCHEMA = "mmembed"
"""The schema of a collection, unless the address names another one."""
_BETWEEN = re.compile(r"\s*,\s*(?=postgres(?:ql)?://)")
"""Between two addresses; the hosts of one address have commas, too."""
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,59}")


@dataclass(frozen=True)
class Address:
    """The place of a collection in a database."""

    connect: str = field(repr=False)
    """The address as libpq takes it, with its password."""
    schema: str
    name: str
    """Host, port, database and schema: no user, password or further parameter."""


def address_of(text: str) -> Address:
    """Read `postgresql://user:password@host:port/database?schema=photos`.

    Every other parameter of the address is passed to libpq. Raises InputError, which never shows
    the text: it may hold a password.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _unreadable("it is no address") from None
    if parts.scheme not in SCHEMES:
        raise _unreadable("it does not begin with postgresql://")
    if "," in parts.path:
        raise _unreadable("a database has a comma in its name; write %2C for it")
    # The other parameters stay as they are written: libpq reads + in another way than browsers.
    given = [part for part in parts.query.split("&") if part]
    schema = next((part[7:] for part in given if part.startswith("schema=")), SCHEMA)
    if not _SCHEMA_NAME.fullmatch(schema):
        raise _unreadable(
            f"schema={schema[:60]} is no name of a schema; use small letters, digits and _"
        )
    query = "&".join(part for part in given if not part.startswith("schema="))
    connect = urlunsplit(parts._replace(query=query, fragment=""))
    return Address(connect, schema, _shown(parts.netloc, parts.path, parse_qs(query), schema))


def addresses_of(text: str) -> tuple[Address, ...]:
    """Read one address, or several with commas between. Raises InputError."""
    return tuple(address_of(part.strip()) for part in _BETWEEN.split(text))


def shown(text: str) -> str:
    """The addresses without users and passwords. Raises InputError."""
    return ",".join(address.name for address in addresses_of(text))


def _shown(netloc: str, path: str, given: dict[str, list[str]], schema: str) -> str:
    host = netloc.rpartition("@")[2] or given.get("host", [""])[0]
    database = path.strip("/") or given.get("dbname", [""])[0]
    named = "" if schema == SCHEMA else f"?schema={schema}"
    return f"postgresql://{host.lstrip('/')}/{database}{named}"


def _unreadable(reason: str) -> InputError:
    return InputError(
        f"MMEMBED_STORE: {reason}; expected postgresql://user:password@host:5432/database",
        param="store",
    )
