"""Label sets of a collection: examples follow their items, and say when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.collection.collection import Collection, Given, ImageInput, TextInput
from mmembed.errors import ImageError, LimitError, NotFound, QueryError, StoreError
from tests.fake_encoder import FakeEncoder
from tests.serving import open_collection, picture

Named = dict[str, int]


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with open_collection(tmp_path) as collection:
        yield collection


@pytest.fixture
def items(collection: Collection) -> Named:
    return {
        colour: collection.add_image(picture(colour), name=colour).id
        for colour in ("red", "green", "blue")
    }


def item(item_id: int) -> ImageInput:
    return ImageInput(f"item {item_id}", item=item_id)


def best(collection: Collection, colour: str, **options: object) -> str:
    image = ImageInput(colour, data=picture(colour))
    [result] = collection.classify([image], **options)  # type: ignore[arg-type]
    assert result.failure is None
    return result.labels[0].label


def test_mere_names_mean_their_examples(collection: Collection, items: Named) -> None:
    examples = {"A": [item(items["red"])], "B": [ImageInput("b.png", data=picture("blue"))]}
    collection.add_label_set("grades", ["A", "B"], examples=examples, wordless=["A", "B"])
    assert best(collection, "red", label_set="grades") == "A"
    assert best(collection, "blue", label_set="grades") == "B"
    [kept] = collection.label_sets()
    assert [one.kind for label in kept.labels for one in label.examples] == ["item", "picture"]


def test_words_that_mean_something_else_are_corrected(collection: Collection) -> None:
    sizes = [(20, 30), (40, 20), (50, 50)]
    exchanged = {"red": "blue", "blue": "red"}
    examples = {
        label: [ImageInput(f"{size}", data=picture(colour, size)) for size in sizes]
        for label, colour in exchanged.items()
    }
    assert best(collection, "red", labels=["red", "blue"]) == "red"
    assert best(collection, "red", labels=["red", "blue"], examples=examples) == "blue"


def test_an_example_that_is_gone_is_named_and_no_longer_counts(
    collection: Collection, items: Named
) -> None:
    examples = {"A": [item(items["red"])], "B": [item(items["blue"]), item(items["green"])]}
    kept = collection.add_label_set("s", ["A", "B"], examples=examples, wordless=["A", "B"])
    collection.remove(items["green"])
    assert [one.name for one in collection.lost_examples(kept)] == [f"item {items['green']}"]
    answer = collection.classify([item(items["red"])], label_set="s")
    assert answer[0].labels[0].label == "A"
    assert answer.notes == (
        f"label set s: examples that are gone do not count: item {items['green']} of B",
    )
    again = collection.add_image(picture("green"), name="green")
    assert again.id != items["green"]
    assert collection.lost_examples(kept) == [], "it is known by its content"


def test_elsewhere_items_are_known_by_their_content(
    collection: Collection, items: Named, tmp_path: Path
) -> None:
    examples = {"A": [item(items["red"])], "B": [item(items["blue"])]}
    kept = collection.add_label_set("s", ["A", "B"], examples=examples, wordless=["A", "B"])
    with open_collection(tmp_path / "other") as other:
        ids = [other.add_image(picture(one), name=one).id for one in ("blue", "red")]
        assert ids == [items["red"], items["green"]], "the same numbers for other pictures"
        other.store.put_records("label_set", {"s": kept.to_bytes()})
        assert best(other, "red", label_set="s") == "A"


def test_a_set_from_elsewhere_is_added_to(
    collection: Collection, items: Named, tmp_path: Path
) -> None:
    """Its numbers mean other pictures here, or none."""
    examples = {"A": [item(items["red"])], "B": [item(items["blue"]), item(items["green"])]}
    kept = collection.add_label_set("s", ["A", "B"], examples=examples, wordless=["A", "B"])
    with open_collection(tmp_path / "other") as other:
        [blue, red] = [other.add_image(picture(one), name=one).id for one in ("blue", "red")]
        other.store.put_records("label_set", {"s": kept.to_bytes()})
        joined = other.add_label_set("s", ["C"])
        assert [[one.item for one in label.examples] for label in joined.labels] == [
            [red], [blue, 0], [],
        ]  # fmt: skip
        assert [one.name for one in other.lost_examples(joined)] == [f"item {items['green']}"]
        assert best(other, "red", label_set="s") == "A"
        green = other.add_image(picture("green"), name="green")
        assert other.lost_examples(joined) == []
        assert best(other, "green", label_set="s") == "B"
        other.remove(green.id)


def test_an_example_that_is_given_another_label_moves(collection: Collection, items: Named) -> None:
    first: dict[str, list[Given]] = {"cat": [item(items["red"]), item(items["blue"]), "purrs"]}
    collection.add_label_set("s", examples=first)
    kept = collection.add_label_set("s", examples={"dog": [item(items["red"]), "purrs"]})
    assert [(one.label, len(one.examples)) for one in kept.labels] == [("cat", 1), ("dog", 2)]
    collection.add_label_set("t", examples={"A": [item(items["red"])]}, wordless=["A"])
    with pytest.raises(QueryError, match="'A': has neither words nor examples"):
        collection.add_label_set("t", examples={"B": [item(items["red"])]})


def test_thresholds_are_kept_with_their_labels(collection: Collection) -> None:
    collection.add_label_set("s", ["a", "b"], thresholds={" a ": 0.25})
    kept = collection.add_label_set("s", ["a", "b", "c"], thresholds={"b": 1})
    assert [one.threshold for one in kept.labels] == [0.25, 1, None]
    with pytest.raises(QueryError, match="thresholds: 'd' is none of the labels"):
        collection.add_label_set("s", ["a"], thresholds={"d": 0.5})
    with pytest.raises(QueryError, match="'a': threshold nan"):
        collection.add_label_set("s", ["a"], thresholds={"a": float("nan")})


def test_too_many_labels_are_no_set(tmp_path: Path) -> None:
    with open_collection(tmp_path / "small", max_prompts=3) as small:
        small.add_label_set("s", ["a", "b", "c"])
        with pytest.raises(LimitError, match="4 labels × 1 templates are 4 prompts, limit 3"):
            small.add_label_set("s", ["a", "b", "c", "d"])


def test_the_labels_may_be_those_of_the_examples(collection: Collection) -> None:
    answer = collection.classify(["a red bus"], examples={"red": ["red"], "blue ": ["blue sea"]})
    assert [one.label for one in answer[0].labels] == ["red", "blue"]


def test_a_set_is_added_to_or_replaced(collection: Collection, items: Named) -> None:
    collection.add_label_set("s", ["red", "A"], examples={"A": [item(items["blue"])]},
                             wordless=["A"], templates=["a {}"])  # fmt: skip
    more = {"A": [item(items["blue"]), item(items["green"])]}
    kept = collection.add_label_set("s", ["A", "pink"], examples=more)
    assert [(one.label, one.words, len(one.examples)) for one in kept.labels] == [
        ("red", True, 0), ("A", False, 2), ("pink", True, 0),
    ]  # fmt: skip
    assert kept.templates == ("a {}",)
    kept = collection.add_label_set("s", ["green"], replacing=True)
    assert ([one.label for one in kept.labels], kept.templates) == (["green"], None)
    collection.remove_label_set("s")
    assert collection.label_sets() == []
    with pytest.raises(NotFound, match="'s': there is none of this name; known are: none yet"):
        collection.remove_label_set("s")


def test_texts_are_classified_by_texts(collection: Collection) -> None:
    examples = {"warm": ["red orange", "orange yellow red"], "cold": ["blue cyan", "a blue sea"]}
    answer = collection.classify(
        [TextInput("t", "an orange sun"), TextInput("u", "cyan")], ["warm", "cold"],
        examples=examples,
    )  # fmt: skip
    assert [one.labels[0].label for one in answer] == ["warm", "cold"]
    with pytest.raises(QueryError, match="pictures and texts are classified apart"):
        collection.classify([TextInput("t", "x"), item(1)], ["warm", "cold"])


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        ({"dog": ["x"]}, QueryError, "'dog' is none of the labels"),
        ({"cat": ["x", " "]}, QueryError, r"examples.cat\[1\]: the text is blank"),
        ({"cat": ["x"], "cow": ["x"]}, QueryError, "x is an example of 'cat' and of 'cow'"),
        ({"cat": [item(99)]}, NotFound, r"examples.cat\[0\]: item 99: there is no such item"),
        ({"cat": [ImageInput("bad", data=b"x")]}, ImageError, "bad: "),
    ],
)
def test_examples_that_cannot_be_used_are_named(
    collection: Collection, examples: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        collection.add_label_set("s", ["cat", "cow"], examples=examples)  # type: ignore[arg-type]
    assert collection.label_sets() == []


def test_a_picture_of_another_model_no_longer_counts(tmp_path: Path) -> None:
    examples: dict[str, list[Given]] = {
        "red": [ImageInput("a.png", data=picture("red"))],
        "blue": ["words"],
    }
    with open_collection(tmp_path) as collection:
        collection.add_label_set("s", ["red", "blue"], examples=examples)
    with open_collection(tmp_path, FakeEncoder("other")) as collection:
        image = ImageInput("r", data=picture("red"))
        answer = collection.classify([image], label_set="s")
        assert answer.notes[0] == (
            "label set s: examples that are embedded by another model do not count: a.png of red"
        )


def test_a_damaged_set_is_named_and_can_be_removed(collection: Collection) -> None:
    collection.store.put_records("label_set", {"s": b"{}"})
    with pytest.raises(StoreError, match="'s': its record is damaged"):
        collection.label_sets()
    collection.remove_label_set("s")


def test_a_mere_name_without_examples_is_an_error(collection: Collection, items: Named) -> None:
    examples = {"A": [item(items["red"])], "B": [item(items["blue"])]}
    collection.add_label_set("s", ["A", "B"], examples=examples, wordless=["A", "B"])
    collection.remove(items["blue"])
    with pytest.raises(QueryError, match="'B': is a mere name, and has no example for pictures"):
        collection.classify([item(items["red"])], label_set="s")
