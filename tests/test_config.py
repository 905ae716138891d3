from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.config import Settings, names, variable
from mmembed.errors import InputError


def test_the_environment_is_read_and_options_win() -> None:
    environ = {"MMEMBED_PORT": "9000", "MMEMBED_BATCH": "4", "MMEMBED_ALLOWED_HOSTS": "a.b, c"}
    settings = Settings.from_env(environ, port=8001, model=None)
    assert (settings.port, settings.batch, settings.model) == (8001, 4, "auto")
    assert settings.allowed_hosts == ("a.b", "c")


def test_the_data_folder_is_absolute_and_knows_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings.from_env({"MMEMBED_DATA": "~/x"}).data == Path("/somewhere/x")
    assert Settings.from_env({}, data="here").data == Path.cwd() / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", "0"), ("batch", "many"), ("port", "-1"), ("max_megapixels", "nan"),
     ("max_upload_mb", "inf"), ("max_queue", "-5"), ("max_k", "0")],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{variable(name)}={value}: expected a number"):
        Settings.from_env({variable(name): value})


def test_every_setting_has_a_variable() -> None:
    assert len(set(map(variable, names()))) == len(names())
