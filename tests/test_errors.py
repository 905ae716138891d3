"""Every error has a code that never changes."""

from __future__ import annotations

import pytest

from mmembed import errors
from mmembed.errors import MmembedError, all_classes, class_of
from mmembed.item_failures import error_from, failure_of
from mmembed.types import Failure

CODES = {
    *("MmembedError", "InputError", "ImageError", "ImageTooLarge", "UnsupportedFormat"),
    *("LimitError", "TooMuchText", "EncodedBody", "ManifestError", "TokenError", "QueryError"),
    *("ProcessingError", "NotFound", "ModelError", "ModelMismatch", "ModelHangs"),
    *("StoreError", "StoreBusy", "StoreFull", "Unstorable", "Overloaded", "Abandoned"),
}
"""As clients and catalogs have them: a code may be added, and none may go."""


def test_no_code_is_gone_or_given_twice() -> None:
    known = [one.code for one in all_classes()]
    assert {*known} >= CODES
    assert len(known) == len({*known})


@pytest.mark.parametrize("kind", all_classes(), ids=lambda kind: kind.__name__)
def test_each_class_has_a_code_of_its_own(kind: type[MmembedError]) -> None:
    assert "code" in vars(kind), "a code that is inherited stands for the class above"
    assert class_of(kind.code) is kind


def test_a_code_of_another_version_is_an_error_all_the_same() -> None:
    assert class_of("PermissionError") is MmembedError
    error = error_from(Failure("a.jpg", "of a later version", "a.jpg: broken"))
    assert (type(error), str(error), error.param) == (MmembedError, "a.jpg: broken", "a.jpg")


@pytest.mark.parametrize(
    "error", [errors.ImageTooLarge("a.jpg", "too large"), errors.QueryError("a.jpg: is no word")]
)
def test_a_failure_is_the_error_that_it_was_made_of(error: MmembedError) -> None:
    again = error_from(failure_of("a.jpg", error))
    assert (type(again), str(again), again.param) == (type(error), str(error), "a.jpg")
