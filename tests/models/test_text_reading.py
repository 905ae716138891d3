"""How much text one request may bring is known before anything is made of it."""

from __future__ import annotations

import tracemalloc

import pytest

from mmembed.classify.zero_shot import TEMPLATES
from mmembed.config.limits import Limits
from mmembed.config.settings import Settings
from mmembed.config.text_limits import TextLimits
from mmembed.errors import LimitError
from mmembed.models.text_reading import WindowedText, read
from tests.fake_encoder import FakeEncoder

LIMITS = TextLimits(text_chars=100, all_chars=1000, text_windows=2, all_windows=20, prompts=20)


def test_the_settings_are_the_limits() -> None:
    assert Limits.of(Settings()) == Limits()
    assert Limits.of(Settings(max_text_windows=7)).texts.text_windows == 7


def test_all_default_labels_and_templates_are_within_the_limits() -> None:
    labels = [f"a label of some words, {number}" for number in range(Settings.max_labels)]
    templates = ["a picture of the small {} in a photo"] * 7
    TextLimits().check_prompts(labels, templates)
    with pytest.raises(LimitError, match="2000 labels"):
        TextLimits().check_prompts(labels, templates * 20)
    TextLimits().check_prompts(labels[:1000], TEMPLATES)  # as CLIP does it for ImageNet


@pytest.mark.parametrize(
    ("labels", "templates", "said"),
    [
        (["x"] * 7, ["{}"] * 3, r"^7 labels × 3 templates are 21 prompts, limit 20;.*MAX_PROMPTS"),
        (["x" * 50], ["a {}", "{} {}"], r"^templates\[1\]: .* 101 characters, limit 100;.*TEXT_CH"),
        (["x" * 99] * 2, ["a" * 99 + "{}"], r"^templates\[0\]: .* 198 characters"),
        (["x" * 99, "y"] * 5, ["{}{}"[:2], "b{}"], r"^1010 characters .* limit 1000;.*ALL_CHARS"),
    ],
)
def test_prompts_are_counted_before_they_are_filled(
    labels: list[str], templates: list[str], said: str
) -> None:
    with pytest.raises(LimitError, match=said):
        LIMITS.check_prompts(labels, templates)


def test_counting_prompts_takes_no_memory() -> None:
    labels, templates = ["x" * 10_000] * 1000, ["{}" * 5000] * 10
    tracemalloc.start()
    with pytest.raises(LimitError, match="50000000 characters, limit 10000"):
        TextLimits().check_prompts(labels, templates)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_a_text_is_read_no_further_than_its_limit() -> None:
    asked: list[int | None] = []

    class Asked(FakeEncoder):
        def split(self, text: str, most: int | None = None) -> list[str]:
            asked.append(most)
            return super().split(text, most)

    with pytest.raises(LimitError, match=r"^a text of 2000 characters has more than 2 windows"):
        read(Asked(), ["word " * 400], LIMITS)
    assert asked == [3]


def test_texts_are_read_no_further_than_their_limit_together() -> None:
    texts = [f"{number} " + "word " * 100 for number in range(1000)]
    read_texts: list[str] = []

    class Noting(FakeEncoder):
        def split(self, text: str, most: int | None = None) -> list[str]:
            read_texts.append(text)
            return super().split(text, most)

    with pytest.raises(LimitError, match=r"more than 20 windows of 77 tokens.*MAX_ALL_WINDOWS"):
        read(Noting(), texts, LIMITS)
    assert len(read_texts) == 11


def test_what_was_read_is_not_read_again() -> None:
    [reading] = read(FakeEncoder(), ["word " * 100], LIMITS)
    assert reading == "word " * 100
    assert len(reading.windows) == 2

    class Never(FakeEncoder):
        def split(self, text: str, most: int | None = None) -> list[str]:
            raise AssertionError

    assert read(Never(), [reading], LIMITS)[0] is reading
    assert WindowedText.of("x", ["x"]).windows == ("x",)
