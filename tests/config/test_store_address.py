"""Addresses of databases: what is passed on, and what is shown."""

from __future__ import annotations

import pytest

from mmembed.config.settings import Settings
from mmembed.config.store_address import address_of, addresses_of
from mmembed.errors import InputError

SECRET = "s3cret+%40"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            f"postgresql://ann:{SECRET}@db.example:5433/photos",
            "postgresql://db.example:5433/photos",
        ),
        (f"postgres://ann:{SECRET}@db/photos?sslmode=require", "postgresql://db/photos"),
        (f"postgresql:///photos?host=/run/pg&password={SECRET}", "postgresql://run/pg/photos"),
        (f"postgresql://ann:{SECRET}@db/p?schema=holidays", "postgresql://db/p?schema=holidays"),
        ("postgresql://", "postgresql:///"),
    ],
)
def test_a_name_shows_no_secret(text: str, name: str) -> None:
    address = address_of(text)
    assert address.name == name
    assert SECRET not in repr(address)
    assert SECRET in address.connect or SECRET not in text


def test_the_schema_is_ours_and_the_rest_is_libpq_s() -> None:
    address = address_of("postgresql://h/d?options=-c%20jit%3Doff&schema=a_1&password=a+b")
    assert address.schema == "a_1"
    assert address.connect == "postgresql://h/d?options=-c%20jit%3Doff&password=a+b"
    assert address_of("postgresql://h/d").schema == "mmembed"


@pytest.mark.parametrize(
    "text",
    [
        f"mysql://ann:{SECRET}@h/d",
        f"ann:{SECRET}@h/d",
        f"postgresql://ann:{SECRET}@h/d?schema=Robert'); DROP",
        f"postgresql://ann:{SECRET}@h/d,h/e",
        f"postgresql://ann:{SECRET}@h/d,mysql://h/e",
        f"postgresql://ann:{SECRET}@h/d,",
        f"postgresql://ann:{SECRET}@[h/d",
    ],
)
def test_what_cannot_be_read_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InputError, match="MMEMBED_STORE") as raised:
        Settings.from_env({"MMEMBED_STORE": text})
    assert "s3cret" not in str(raised.value)


def test_several_addresses_have_commas_between() -> None:
    text = f"postgresql://ann:{SECRET}@h1,h2/d?schema=a , postgres://ann:{SECRET}@h3/e"
    first, second = addresses_of(text)
    assert (first.name, first.schema) == ("postgresql://h1,h2/d?schema=a", "a")
    assert second.name == "postgresql://h3/e"
    place = Settings.from_env({"MMEMBED_STORE": text}).place
    assert place == "postgresql://h1,h2/d?schema=a,postgresql://h3/e"


def test_settings_name_the_place_of_the_collection() -> None:
    settings = Settings.from_env({"MMEMBED_STORE": f"postgresql://ann:{SECRET}@h/d"})
    assert settings.place == "postgresql://h/d"
    assert settings.is_made
    assert SECRET not in repr(settings)
    assert Settings.from_env({}, data="/nowhere").place == "/nowhere"
