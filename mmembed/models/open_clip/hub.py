"""Tells which files of the model hub are downloaded, and whether it can be reached. Owns
huggingface_hub.

The hub's client retries for minutes and logs each try. So it gets a request only after the hub has
answered a short probe.
"""

from __future__ import annotations

import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from mmembed.errors import ModelError
from mmembed.models.open_clip.import_open_clip import import_open_clip

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_one_at_a_time = threading.RLock()  # whether the hub may be asked is a setting of the process

PATIENCE_S = 3.0
"""Seconds until the hub counts as unreachable."""
PREFIX = "hf-hub:"
UNREACHABLE = (
    "check the connection, or use --model bundled, or copy the files from another machine and "
    "use --model local-dir:FOLDER"
)


def repository_of(name: str) -> tuple[str, tuple[str, ...]]:
    """The repository of a model id on the hub, and the files that may hold its weights; ("", ()) if
    its weights lie elsewhere."""
    open_clip = import_open_clip()
    weights = (open_clip.constants.HF_SAFE_WEIGHTS_NAME, open_clip.constants.HF_WEIGHTS_NAME)
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX), weights
    architecture, _, tag = name.rpartition("/")
    address = str(open_clip.get_pretrained_cfg(architecture, tag).get("hf_hub", ""))
    repository, _, file = address.rpartition("/")
    return repository, (file,) if file else weights if repository else ()


def is_downloaded(name: str) -> bool:
    """Whether the weights of a model id are in the hub's cache, or in open_clip's own."""
    from huggingface_hub import try_to_load_from_cache

    repository, files = repository_of(name)
    if not repository:
        file = _address_of(name).rpartition("/")[2]
        return os.path.isfile(os.path.expanduser(f"~/.cache/clip/{file}"))
    files += tuple(f"{file.rpartition('.')[0]}.safetensors" for file in files)
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def check_obtainable(name: str) -> None:
    """Raises ModelError if a model is not downloaded and its host does not answer; takes PATIENCE_S
    at most. The download itself reports the errors of a hub that answers."""
    if not is_downloaded(name):
        reached, reason = ask_for(name)
        if not reached:
            raise ModelError(f"{name}: is not downloaded, and {reason}; {UNREACHABLE}")


def from_cache_first(load: Callable[[], _T]) -> _T:
    """The result of `load` from downloaded files, without asking the hub for newer ones. Missing
    files are downloaded. Raises ModelError as `load` does."""
    from huggingface_hub import constants

    with _one_at_a_time:
        if constants.HF_HUB_OFFLINE:
            return load()
        try:
            return _unasked(constants, load)
        except ModelError as error:
            log.debug("the hub is asked, because without it: %s", error)
            return load()


def _unasked(constants: Any, load: Callable[[], _T]) -> _T:
    constants.HF_HUB_OFFLINE = True
    try:
        return load()
    finally:
        constants.HF_HUB_OFFLINE = False


def ask_for(name: str) -> tuple[bool, str | None]:
    """The reason why the weights of a model id cannot be fetched now, as the end of a sentence.
    None if their host answers."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    # The client logs every retry.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    repository, files = repository_of(name)
    if repository and constants.HF_HUB_OFFLINE:
        return False, "HF_HUB_OFFLINE is set"
    if repository:
        address = hf_hub_url(repository, files[0])
        return _answer_to(lambda: get_hf_file_metadata(address, timeout=PATIENCE_S))
    head = urllib.request.Request(_address_of(name), method="HEAD")
    return _answer_to(lambda: urllib.request.urlopen(head, timeout=PATIENCE_S).close())


def _address_of(name: str) -> str:
    """The address of the weights of a model that is not on the hub."""
    return str(import_open_clip().get_pretrained_cfg(*name.rsplit("/", 1))["url"])


def _answer_to(ask: Callable[[], object]) -> tuple[bool, str | None]:
    """The probe has a thread of its own, because looking up a name can outlast any time limit."""
    outcome: list[Exception | None] = []

    def asked() -> None:
        try:
            ask()
            outcome.append(None)
        except Exception as error:  # no network, no such host, refused, proxy, no such file …
            outcome.append(error)

    thread = threading.Thread(target=asked, name="mmembed-hub", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if not outcome:
        return False, f"the model hub did not answer within {PATIENCE_S:g} s"
    error = outcome[0]
    answered = error is None or getattr(error, "response", None) is not None
    answered = answered or isinstance(error, urllib.error.HTTPError)
    kind = "does not give it" if answered else "cannot be reached"
    return answered, None if error is None else f"the model hub {kind} ({type(error).__name__})"
