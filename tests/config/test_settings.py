from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.config.settings import Settings, names, variable
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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("log", "loud", "expected off or text or json"), ("fetch_urls", "maybe", "expected on or off"),
     ("api_keys", " , ", "holds no key"), ("api_keys", "a,b c", "ASCII without spaces"),
     ("api_keys", "schlüssel", "ASCII without spaces"), ("api_keys", "k", "fewer than 16"),
     ("api_keys", f"{'k' * 16},{'z' * 15}", "a key of fewer than 16 characters.*openssl rand"),
     ("allowed_hosts", "https://photos.example", "https://photos.example is no host"),
     ("allowed_hosts", "a.b,photos.example/x", "photos.example/x is no host"),
     ("allowed_hosts", "*example", "example is no host; .* or ..example"),
     ("allowed_hosts", "photos.*", "is no host"), ("allowed_hosts", "a b", "a b is no host"),
     ("fetch_allow", "*", "would match nothing"), ("fetch_allow", "*.local", "match nothing"),
     ("fetch_allow", "nas.local:80", "without a port"), ("fetch_allow", "10.0.0.0/8", "is no host"),
     ("fetch_allow", "http://nas.local", "is no host")],
)  # fmt: skip
def test_values_that_make_no_sense_are_named(name: str, value: str, said: str) -> None:
    with pytest.raises(InputError, match=f"{variable(name)}.*{said}") as error:
        Settings.from_env({variable(name): value})
    if name == "api_keys":
        assert not any(len(key) > 1 and key in str(error.value) for key in value.split(","))


@pytest.mark.parametrize(("text", "value"), [("on", True), ("OFF", False), ("1", True)])
def test_switches(text: str, value: bool) -> None:
    assert Settings.from_env({"MMEMBED_FETCH_URLS": text}).fetch_urls is value


def test_every_setting_has_a_variable() -> None:
    assert len(set(map(variable, names()))) == len(names())


def test_paths_may_be_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    settings = Settings(data="data/try", cache="~/c")  # type: ignore[arg-type]
    assert settings.data == Path.cwd() / "data/try"
    assert settings.cache == Path("/somewhere/c")
    for wrong in (5, None, ""):
        with pytest.raises(InputError, match=r"MMEMBED_DATA=.*: expected a path"):
            Settings(data=wrong)  # type: ignore[arg-type]
