"""What tests do without a server that they need."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

VARIABLE = "MMEMBED_TEST_SERVERS"
"""`required`: tests whose server is missing fail. CI sets it, so that none is left out unseen."""


def missing(reason: str) -> NoReturn:
    """Skip a test whose server is not there, or fail it where servers are required."""
    if os.environ.get(VARIABLE) == "required":
        pytest.fail(reason)
    pytest.skip(reason)
