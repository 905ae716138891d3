"""The model hub's cache: what is in it is used as it is, and the hub is not asked for news."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from mmembed.errors import ModelError

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_one_at_a_time = threading.RLock()  # whether the hub may be asked is a setting of the process


def from_cache_or_hub(load: Callable[[], _T]) -> _T:
    """What `load` gives from files that were downloaded before; with the hub's help where some
    are missing. Raises ModelError as `load` does."""
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
