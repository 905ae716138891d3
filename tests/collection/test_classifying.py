"""None of these, several labels, and labels in a tree, with a bank of texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.classify import classifier
from mmembed.collection.collection import Collection, ImageInput
from mmembed.errors import QueryError
from tests.fake_encoder import COLOURS
from tests.serving import open_collection, picture

THINGS = ("bus", "house", "sky", "dress", "chair", "flower", "wall", "boat", "door", "car")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    folder = tmp_path_factory.mktemp("collection")
    bank = folder / "bank.txt"
    bank.write_text("\n".join(f"{colour} {thing}" for colour in COLOURS for thing in THINGS))
    with open_collection(folder / "data", bank=str(bank), cache=folder / "cache") as collection:
        yield collection


def image(colour: str) -> ImageInput:
    return ImageInput(colour, data=picture(colour))


def none_of(collection: Collection, colour: str, *labels: str) -> float:
    [result] = collection.classify([image(colour)], labels, none_of_these=True)
    assert result.none_of_these is not None
    assert sum(one.probability for one in result.labels) + result.none_of_these == pytest.approx(1)
    return result.none_of_these


def test_none_of_these_is_likelier_where_no_label_fits(collection: Collection) -> None:
    assert none_of(collection, "red", "blue", "green") > 0.6
    assert none_of(collection, "red", "blue", "red") < 0.5
    [result] = collection.classify([image("red")], ["blue"])
    assert result.none_of_these is None


def test_several_labels_are_each_for_themselves(collection: Collection) -> None:
    def chances(*labels: str) -> dict[str, float]:
        [result] = collection.classify([image("red")], labels, mode="multi")
        return {one.label: one.probability for one in result.labels}

    both = chances("red", "blue")
    assert both["red"] > 4 * both["blue"]
    assert chances("red")["red"] == pytest.approx(both["red"])


def test_a_precision_leaves_unlikely_labels_out(collection: Collection) -> None:
    labels = ["red", "blue", "green"]
    [every] = collection.classify([image("red")], labels, mode="multi")
    least = (every.labels[0].probability + every.labels[1].probability) / 2
    [some] = collection.classify([image("red")], labels, mode="multi", precision=least)
    assert [one.label for one in some.labels] == ["red"]
    [none] = collection.classify([image("red")], ["blue"], mode="multi", precision=0.99)
    assert none.labels == ()


@pytest.mark.slow
def test_thresholds_of_many_pictures_keep_the_precision(collection: Collection) -> None:
    for number in range(210):
        colour = list(COLOURS)[number % len(COLOURS)]
        collection.add_image(picture(colour, (20 + number, 20)), name=f"{number}")
    [alone] = collection.classify([image("red")], ["red"], mode="multi")
    wanted = alone.labels[0].probability * 0.98  # its mean over the red ones, nearly
    answer = collection.classify(
        [image("red"), image("blue")], ["red"], mode="multi", precision=wanted
    )
    assert [len(one.labels) for one in answer] == [1, 0]


def test_many_inputs_are_scored_in_parts(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [image(colour) for colour in ("red", "blue", "green")]
    broken = ImageInput("broken", data=b"x")
    inputs = [images[0], broken, images[1], broken, broken, images[2]]
    whole = collection.classify(inputs, ["red", "blue", "green"])
    monkeypatch.setattr(classifier, "SCORES_AT_ONCE", 6)
    parts = collection.classify(inputs, ["red", "blue", "green"])
    assert [one.index for one in parts] == list(range(6))
    assert [one.failure for one in parts] == [one.failure for one in whole]
    for part, of_whole in zip(parts, whole, strict=True):
        assert [one.label for one in part.labels] == [one.label for one in of_whole.labels]
        assert [one.score for one in part.labels] == pytest.approx(
            [one.score for one in of_whole.labels], abs=1e-5
        )


def test_labels_in_upper_and_lower_case_get_a_note(collection: Collection) -> None:
    assert collection.classify([image("red")], ["red", "Red"]).notes[0].startswith("labels 'red'")


def test_parents_are_answered_with_their_sums(collection: Collection) -> None:
    labels = ["warm > red", "warm > orange", "cold > blue", "green"]
    [result] = collection.classify([image("orange")], labels)
    assert result.labels[0].label == "warm > orange"
    assert [one.label for one in result.branches] == ["warm", "cold"]
    warm = [one.probability for one in result.labels if one.label.startswith("warm")]
    assert result.branches[0].probability == pytest.approx(sum(warm), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 0.9}, "precision: is for the mode multi"),
        ({"precision": 1.5, "mode": "multi"}, "precision 1.5: expected more than 0"),
        ({"none_of_these": True, "mode": "sigmoid"}, "in the mode sigmoid each label is for"),
        ({"mode": "best"}, "mode 'best': expected softmax or sigmoid"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    collection: Collection, options: dict[str, object], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        collection.classify([image("red")], ["red"], **options)  # type: ignore[arg-type]


def test_without_a_bank_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    with open_collection(tmp_path) as bare:
        for options in ({"mode": "multi"}, {"none_of_these": True}):
            with pytest.raises(QueryError, match="MMEMBED_BANK not off"):
                bare.classify([image("red")], ["red"], **options)
