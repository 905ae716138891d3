"""Settings, read once from the environment at the entry points."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mmembed.config.batching import Batching
from mmembed.config.blob_place import check_blob_place
from mmembed.config.host_names import check_hosts, check_names
from mmembed.config.limits import Limits
from mmembed.config.store_address import addresses_of, shown
from mmembed.config.text_limits import TextLimits
from mmembed.errors import InputError
from mmembed.places import is_address

PREFIX = "MMEMBED_"
DEFAULT_CACHE = Path("~/.cache/mmembed")
CATALOG_FILE = "catalog.sqlite3"
"""Name of the file that marks a data folder."""
FOLDER_MARKS = (CATALOG_FILE, "files-of-a-database")
"""Marks of folders that hold a collection, and of those with the files of one in a database."""
MAY_BE_ZERO = frozenset({"port", "decode_threads", "exact_limit", "unload_after",
                         "max_per_client", "model_timeout"})  # fmt: skip
CHOICES = {"log": ("off", "text", "json")}
SWITCH = {"on": True, "1": True, "true": True, "yes": True,
          "off": False, "0": False, "false": False, "no": False}  # fmt: skip
MIN_KEY_CHARS = 16
_KEY = re.compile(r"[!-~]+")
"""Characters that a header takes as they are: ASCII without spaces."""


def _setting(default: Any, meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"help": meaning})


@dataclass(frozen=True)
class Settings:
    """All settings; each field is also the variable `MMEMBED_<NAME>`."""

    data: Path = _setting(
        Path("~/.local/share/mmembed"), "folder that holds the collection; made where missing"
    )
    store: str = _setting(
        "",
        "postgresql://… address of the database, or of several with commas between, that holds the "
        "collection; uploads stay files",
        secret=True,
    )
    blobs: str = _setting(
        "",
        "folder, or s3://bucket/prefix, with the uploads and thumbnails of a collection in a "
        "database; else the data folder",
    )
    model: str = _setting(
        "auto", "auto, bundled, architecture/pretrained, hf-hub:org/name or local-dir:/path"
    )
    more_models: tuple[str, ...] = _setting(
        (), "further models that `serve` answers with, with commas between"
    )
    unload_after: float = _setting(
        0.0, "seconds without a request after which a model leaves the memory; 0: never"
    )
    engine: str = _setting(
        "auto", "engine that runs the model; auto is the fastest on this machine, measured once"
    )
    cache: Path = _setting(
        DEFAULT_CACHE, "folder for measurements and compiled models; may be deleted"
    )
    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on")
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "host names, with commas between, by which the server may be called; *.example is all "
        "below it, * every name",
    )
    api_keys: tuple[str, ...] = _setting(
        (),
        "keys, with commas between, of which every request must bring one; each of 16 characters "
        "or more",
        secret=True,
    )
    log: str = _setting("off", "text or json: a line for every request on standard error")
    fetch_urls: bool = _setting(False, "on: images may be named by address, and are fetched")
    fetch_allow: tuple[str, ...] = _setting(
        (), "hosts, with commas between, that may be fetched from though they are private"
    )
    batch: int = _setting(Batching.batch, "images or texts in one forward pass")
    decode_threads: int = _setting(0, "threads that decode images; 0 is one per core")
    exclude: tuple[str, ...] = _setting(
        (), "patterns, with commas between, of files and folders that `index` passes over"
    )
    include_system: bool = _setting(
        False, "on: `index` enters bins, thumbnail folders and other parts of systems, too"
    )
    thumbnails: bool = _setting(
        False, "on: indexing makes thumbnails, too; else each is made when it is first shown"
    )
    location: bool = _setting(
        True, "off: the places of pictures are neither stored nor answered; stored ones are erased"
    )
    max_megapixels: float = _setting(Limits.image_pixels / 1e6, "largest picture that is decoded")
    max_image_mb: float = _setting(Limits.image_bytes / 1e6, "largest image file that is read")
    decode_mb: float = _setting(
        440.0, "memory for all pictures that are being decoded, in MB; none may need more"
    )
    max_upload_mb: float = _setting(Limits.upload_bytes / 1e6, "largest request body")
    max_items: int = _setting(Limits.items, "images or texts in one request")
    max_labels: int = _setting(Limits.labels, "labels in one classification")
    max_text_chars: int = _setting(TextLimits.text_chars, "characters in one text")
    max_all_chars: int = _setting(
        TextLimits.all_chars, "characters in all texts of one request, labels filled into templates"
    )
    max_text_windows: int = _setting(
        TextLimits.text_windows, "windows of the model that one text may be read in"
    )
    max_all_windows: int = _setting(
        TextLimits.all_windows, "windows of all texts of one request; not of prompts"
    )
    max_prompts: int = _setting(
        TextLimits.prompts,
        "labels × templates of one classification, counted in windows; a prompt is one at least",
    )
    max_k: int = _setting(Limits.page, "results in one page")
    max_queue: int = _setting(
        Batching.max_queue, "requests in progress, and places in the queue of a model"
    )
    max_wait: float = _setting(
        Batching.max_wait, "seconds that a request may wait for its turn; beyond, more are refused"
    )
    model_timeout: float = _setting(
        Batching.timeout, "seconds without any progress after which a model is given up; 0: never"
    )
    max_connections: int = _setting(
        4096, "connections at a time; fewer where the system allows fewer open files"
    )
    max_per_client: int = _setting(
        128, "connections, and requests in progress, of one address; 0: no limit"
    )
    slow_timeout: float = _setting(
        20.0, "seconds after which callers that send or read too slowly are cut off"
    )
    aliases: tuple[str, ...] = _setting(
        (), "other names, with commas between, that requests may give the collection's model"
    )
    token_vocabulary: str = _setting(
        "", ".tiktoken file by which token ids in place of texts are decoded"
    )
    bank: str = _setting(
        "",
        "file of generic texts, one a line, in place of the built-in ones that searches by words "
        "are corrected by; off: no correction",
    )
    exact_limit: int = _setting(150_000, "vectors up to which search is exact, not by an index")
    recall: float = _setting(
        0.99, "share of the ten nearest vectors that an index must find; it is built to keep it"
    )

    def __post_init__(self) -> None:
        """Raises InputError for a value, or a further model, that makes no sense."""
        data = expanded(self.data, variable("data"))
        lost = str(self.cache) == str(DEFAULT_CACHE) and not has_home()
        cache = data / "cache" if lost else expanded(self.cache, variable("cache"))
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "cache", cache)
        if "auto" in self.more_models:
            raise InputError(
                f"{variable('more_models')}: auto can only be the first; name a further model by "
                "its id, `mmembed models` lists them"
            )
        if self.store:
            addresses_of(self.store)
        if self.blobs:
            check_blob_place(self.blobs, self.store)
        for name in names():
            _check(name, getattr(self, name))
        _check_keys(self.api_keys)
        check_names(variable("allowed_hosts"), self.allowed_hosts)
        check_hosts(variable("fetch_allow"), self.fetch_allow)

    @property
    def place(self) -> str:
        """The collection's name in messages: its folder, or its address without a password."""
        return shown(self.store) if self.store else str(self.data)

    @property
    def files(self) -> Path:
        """The folder for the files of a collection in a database, or for copies of them."""
        if not self.blobs or is_address(self.blobs):
            return self.data
        return expanded(self.blobs, variable("blobs"))

    @property
    def is_made(self) -> bool:
        """Whether the collection is there; a database is not asked."""
        return bool(self.store) or (self.data / CATALOG_FILE).exists()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Settings from `MMEMBED_…` variables; overrides that are not None win.

        Raises InputError, naming the variable, where a value cannot be read.
        """
        environ = os.environ if environ is None else environ
        values = {
            name: _parse(name, text) for name in names() if (text := environ.get(variable(name)))
        }
        values.update({name: value for name, value in overrides.items() if value is not None})
        for name in {"data", "cache"} & values.keys():
            values[name] = Path(values[name])
        return cls(**values)


def has_home() -> bool:
    """Whether the user has a home folder: HOME, or an entry in the list of users."""
    return os.path.isabs(os.path.expanduser("~"))


def expanded(path: str | Path, named: str) -> Path:
    """The path with `~` and `~user` filled in, and absolute. Raises InputError, naming `named`."""
    if not isinstance(path, str | os.PathLike) or path == "":
        raise InputError(f"{named}={path!r}: expected a path, as in data/try")
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise InputError(
            f"{named}: {path} leads nowhere: there is no such home folder or current folder; "
            "give an absolute path (--data for the collection, MMEMBED_CACHE for the cache)"
        ) from error


def names() -> list[str]:
    """The names of all settings."""
    return [setting.name for setting in fields(Settings)]


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def describe() -> list[tuple[str, str, str]]:
    """Variable, default and meaning of every setting."""
    return [(variable(f.name), _shown(f.default), f.metadata["help"]) for f in fields(Settings)]


def _check(name: str, value: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise InputError(f"{variable(name)}={value}: expected {' or '.join(CHOICES[name])}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not 0 <= value < math.inf:
        raise InputError(f"{variable(name)}={value}: expected a number from 0 up")
    if name == "recall" and value >= 1:
        raise InputError(f"{variable(name)}={value}: expected a number below 1, such as 0.99")
    if value == 0 and name not in MAY_BE_ZERO:
        raise InputError(f"{variable(name)}=0: expected a number above 0")


def _check_keys(keys: Sequence[str]) -> None:
    """No message shows a key, or a part of it."""
    if not all(map(_KEY.fullmatch, keys)):
        raise InputError(f"{variable('api_keys')}: a key may hold ASCII without spaces alone")
    if any(len(key) < MIN_KEY_CHARS for key in keys):
        raise InputError(
            f"{variable('api_keys')}: a key of fewer than {MIN_KEY_CHARS} characters can be "
            "guessed; `openssl rand -hex 32` makes a better one"
        )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return ",".join(default) if isinstance(default, tuple) else f"{default}"


def _parse(name: str, text: str) -> Any:
    default = getattr(Settings, name)
    if isinstance(default, tuple):
        return _parse_list(name, text)
    if isinstance(default, bool):
        if text.lower() not in SWITCH:
            raise InputError(f"{variable(name)}={text}: expected on or off")
        return SWITCH[text.lower()]
    try:
        return type(default)(text)
    except ValueError:
        raise InputError(f"{variable(name)}={text}: expected a number") from None


def _parse_list(name: str, text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "api_keys" and not parts:  # else a slip would open the server to all
        raise InputError(f"{variable(name)}: holds no key; give one, or unset it")
    return parts
