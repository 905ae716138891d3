"""Rows of captions and tags: a bad row fails by file and line, and the others are read."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.errors import ManifestError
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.manifests import NAMED_FAULTS, ManifestWords, read_labels, read_manifest

Read = Callable[..., tuple[dict[str, ManifestWords], list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read("a.csv", content)`: the words by file name, and the faults without the folder."""

    def run(name: str, content: bytes, **limits: int) -> tuple[dict[str, ManifestWords], list[str]]:
        (tmp_path / name).write_bytes(content)
        faults: list[ManifestError] = []
        found = read_manifest(tmp_path / name, limits=SaidLimits(**limits), faults=faults)
        names = {str(Path(path).relative_to(tmp_path)): words for path, words in found.items()}
        return names, [str(fault).removeprefix(f"{tmp_path}/") for fault in faults]

    return run


GOOD = b'{"file_name": "good.png", "caption": "good"}\n'
DEEP = b"[" * 9_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"file_name": 3}', "no file name; expected a column named file_name"),
        (b'{"file_n', "not JSON"),
        (b'["a.png"]', "expected a JSON object"),
        (b'"\xff"', "not JSON"),
        (b"[" * 100_000, "not JSON: brackets within brackets"),
        (b'{"a": ' * 50_000, "not JSON: brackets within brackets"),
        (b'{"file_name": "a.png", "caption": "' + DEEP + b'"}', "brackets within brackets"),
        (b'{"file_name": "a.png", "tags": "' + DEEP + b'"}', "brackets within brackets"),
        (b'{"file_name": "a.png", "tags": [[["x"]]]}', "tag: expected text, found a list"),
        (b'{"file_name": "a.png", "tags": {"x": 1}}', "tag: expected text, found an object"),
        (b'{"file_name": "a.png", "caption": 1e999}', "caption: expected text, found inf"),
        (b'{"file_name": "a.png", "caption": true}', "caption: expected text, found yes or no"),
        (b'{"file_name": "a.png", "n": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b'{"file_name": "a.png", "caption": "x", "caption": "y"}', "'caption' comes twice"),
        (b'{"file_name": "a.png", "tags": ["a\\u0000b"]}', "holds a control character"),
        (b'{"file_name": "a.png", "tags": "a\\nb"}', "holds a control character"),
        (b'{"file_name": "' + b"x" * 5_000 + b'"}', "a file name of 5,000 characters"),
        (
            b'{"file_name": "a.png", "caption": "' + b"x" * 10_001 + b'"}',
            "10,001 characters in a caption, limit 10,000; raise MMEMBED_MAX_TEXT_CHARS",
        ),
        (
            b'{"file_name": "a.png", "tags": ["' + b"x" * 10_001 + b'"]}',
            "10,001 characters in a tag, limit 10,000; raise MMEMBED_MAX_TEXT_CHARS",
        ),
        (
            b'{"file_name": "a.png", "tags": "' + b"x," * 1_025 + b'"}',
            "over 1,024 tags of one picture; raise MMEMBED_MAX_ITEMS",
        ),
        (b'{"file_name": "a.png", "caption": "' + b"x" * 5_000_000 + b'"}', "a row of over 4 MB"),
    ],
)
def test_a_bad_row_of_json_fails_alone(read: Read, row: bytes, message: str) -> None:
    found, [fault] = read("captions.jsonl", GOOD + row + b"\n\n" + GOOD.replace(b"good", b"more"))
    assert fault.startswith("captions.jsonl:2: ")
    assert message in fault
    assert set(found) == {"good.png", "more.png"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b",y", "no file name"),
        (b"a.png," + DEEP, "brackets within brackets"),
        (b"a.png,caf\xe9", "not UTF-8"),
        (b'a.png,"never ends', "not CSV: a quotation mark that does not end"),
        (b'a.png,"over\nlines, \xff"', "not UTF-8"),
        (b"a.png," + b"x" * 200_000, "not CSV: field larger"),
        pytest.param(
            b'a.png,"' + b"x\n" * 200_000, "not CSV: a quotation mark", marks=pytest.mark.slow
        ),
        (b"a.png," + b"x" * 5_000_000, "a row of over 4 MB"),
        (b"a.png," + b"x" * 10_001, "10,001 characters in a caption"),
    ],
)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_bad_row_of_csv_fails_alone(read: Read, row: bytes, message: str, ending: bytes) -> None:
    lines = [b"file_name,caption", b"good.png,one", row, b'more.png,"two, three"', b"z.png,four"]
    found, faults = read("captions.csv", ending.join(lines))
    assert faults[0].startswith("captions.csv:3: ")
    assert message in faults[0]
    assert list(found["good.png"].captions) == ["one"]
    assert list(found["more.png"].captions) == ["two, three"]
    assert list(found["z.png"].captions) == ["four"]
    assert "a.png" not in found


def test_quotation_marks_within_a_cell_are_read_as_before(read: Read) -> None:
    found, faults = read("a.csv", b'file_name,caption\na.png,"x" y\nb.png,5" tall\n')
    assert faults == []
    assert list(found["a.png"].captions) == ["x y"]
    assert list(found["b.png"].captions) == ['5" tall']


def test_rows_that_span_lines_and_odd_ends_of_lines_are_read(read: Read) -> None:
    found, faults = read("a.csv", b'file_name,caption\na.png,"one\ntwo"\n\nb.png,x\0y\n')
    assert faults == []
    assert list(found["a.png"].captions) == ["one\ntwo"]
    assert list(found["b.png"].captions) == ["x\0y"]
    found, faults = read("b.csv", b"file_name,caption\ra.png,one\rb.png,two\r")
    assert (list(found), faults) == (["a.png", "b.png"], [])
    found, faults = read("c.tsv", "\ufefffile_name\tcaption\na.png\ttschüß".encode())
    assert (list(found["a.png"].captions), faults) == (["tschüß"], [])


def test_numbers_are_words_and_what_is_missing_is_not(read: Read) -> None:
    found, faults = read(
        "a.jsonl",
        b'{"file_name": "a.png", "tags": [2024, 1.5, null, NaN, ""], "caption": null}\n'
        b'{"file_name": "b.png", "caption": 7, "tags": "x;2023|y"}\n'
        b'{"file_name": "c.png", "caption": "[untitled] a dog"}\n',
    )
    assert faults == []
    assert list(found["a.png"].tags) == ["2024", "1.5"]
    assert list(found["b.png"].captions) == ["7"]
    assert list(found["b.png"].tags) == ["x", "2023", "y"]
    assert list(found["c.png"].captions) == ["[untitled] a dog"]


def test_a_number_of_any_length_is_words_or_fails_alone(read: Read) -> None:
    row = b'{"file_name": "%s.png", "tags": [%s]}\n'
    rows = (row % (b"a", b"9" * 400), row % (b"b", b"9" * 5000), row % (b"c", b"1e999"))
    found, faults = read("a.jsonl", b"".join(rows) + row % (b"d", b"7"))
    assert {name: list(words.tags) for name, words in found.items()} == {
        "a.png": ["9" * 400],
        "d.png": ["7"],
    }
    assert len(faults) == 2


def test_rows_that_add_up_to_too_many_captions_fail_from_there(read: Read) -> None:
    rows = "".join(f'{{"file_name": "a.png", "caption": "{n}"}}\n' for n in range(5))
    found, faults = read("a.jsonl", rows.encode(), texts=3)
    assert list(found["a.png"].captions) == ["0", "1", "2"]
    assert [fault.split(":")[1] for fault in faults] == ["4", "5"]


def test_many_bad_rows_are_counted(read: Read) -> None:
    found, faults = read("a.jsonl", b"x\n" * (NAMED_FAULTS + 7) + GOOD)
    assert list(found) == ["good.png"]
    assert len(faults) == NAMED_FAULTS + 1
    assert faults[-1] == "a.jsonl: 7 more rows cannot be used"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.csv", b"a.png,x\nb.png,y\n", "no file name; expected a column named"),
        (
            "captions.csv",
            b"file_name,caption,caption\na.png,x,y\n",
            "two columns are named caption",
        ),
        ("captions.csv", "file_name,caption\na.png,x".encode("utf-16"), "save it as UTF-8"),
        ("captions.jsonl", GOOD.decode().encode("utf-16-be"), "not JSON"),
        ("captions.jsonl", b"\xff\xfe" + GOOD, "save it as UTF-8"),
        ("captions.parquet", b"PAR1 not really", "not a Parquet file"),
        ("captions.txt", b"a.png x", "expected one of .jsonl"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ManifestError, match=message) as error:
        read_manifest(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}:")


@pytest.mark.slow
def test_a_huge_line_is_not_read_whole(read: Read) -> None:
    """300 MB of it would take several times that as an object."""
    import tracemalloc

    content = b"[" * 60_000_000 + b"\n" + GOOD
    tracemalloc.start()
    try:
        started = time.monotonic()
        found, [fault] = read("a.jsonl", content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(found) == ["good.png"]
    assert "a row of over 4 MB" in fault
    assert peak < 20_000_000
    assert time.monotonic() - started < 20


@pytest.mark.slow
def test_quotation_marks_that_never_end_cost_no_minutes(read: Read) -> None:
    started = time.monotonic()
    content = b"file_name,caption\n" + b'a.png,"x\n' * 20_001 + b"b.png,y\n"
    _, faults = read("a.csv", content)
    assert faults
    assert time.monotonic() - started < 30


def test_labels_are_all_right_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b'{"file_name": "a.png", "label": "cat"}\n' + b"[" * 50_000)
    with pytest.raises(ManifestError, match=r"labels\.jsonl:2: not JSON: brackets"):
        read_labels(path)


class TestParquet:
    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[..., Path]:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        def write(columns: dict[str, object], **options: object) -> Path:
            path = tmp_path / "metadata.parquet"
            parquet.write_table(pyarrow.table(columns), path, **options)
            return path

        return write

    def read(self, path: Path) -> tuple[list[str], list[str]]:
        faults: list[ManifestError] = []
        found = read_manifest(path, faults=faults)
        return [Path(one).name for one in found], [str(one).split(":", 1)[1] for one in faults]

    def test_values_that_are_no_text_fail_alone(self, write: Callable[..., Path]) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        broken = pyarrow.array([b"fine", b"caf\xe9", b"good", b"ok"]).view(pyarrow.string())
        names = ["a.png", "b.png", None, "d.png"]
        found, faults = self.read(write({"file_name": names, "caption": broken}))
        assert found == ["a.png", "d.png"]
        assert [fault.split(":")[0] for fault in faults] == ["2", "3"]
        path = write({"file_name": ["a.png", "b.png"], "tags": [[{"x": 1}], None]})
        found, [fault] = self.read(path)
        assert found == ["b.png"]
        assert fault == "1: tag: expected text, found an object"
        path = write({"file_name": ["a.png"], "caption": [b"bytes"]})
        assert self.read(path) == ([], ["1: caption: expected text, found bytes"])

    def test_a_broken_group_of_rows_costs_no_other(self, write: Callable[..., Path]) -> None:
        names = [f"{number}.png" for number in range(40)]
        captions = [f"caption {number} " + "x" * 50 for number in range(40)]
        path = write({"file_name": names, "caption": captions}, row_group_size=10,
                     use_dictionary=False, compression="NONE")  # fmt: skip
        content = path.read_bytes()
        place = content.index(b"caption 15 ") - 4  # the length of that text
        path.write_bytes(content[:place] + b"\xff\xff\xff\x7f" + content[place + 4 :])
        found, [fault] = self.read(path)
        assert set(found) >= {*names[:10], *names[20:]}
        assert "15.png" not in found
        assert fault.startswith("11: 10 rows from here on cannot be read")

    @pytest.mark.slow
    def test_a_text_that_all_rows_share_is_not_there_for_each(
        self, write: Callable[..., Path]
    ) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        shared = pyarrow.DictionaryArray.from_arrays([0] * 900 + [1], ["x" * 5_000_000, "short"])
        path = write({"file_name": ["a.png"] * 901, "caption": shared}, compression="zstd")
        assert path.stat().st_size < 10_000
        allowed = (5_000_000 * 900) // 8
        before = pyarrow.total_allocated_bytes()
        tracemalloc.start()
        found, faults = self.read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak + pyarrow.total_allocated_bytes() - before < allowed
        assert found == ["a.png"]
        assert faults == [f"{n}: a row of over 4 MB" for n in range(1, 901)]

    def test_a_small_file_of_very_many_rows_is_refused(self, write: Callable[..., Path]) -> None:
        path = write({"file_name": ["a.png"] * 1_200_000}, compression="zstd")
        with pytest.raises(ManifestError, match=r"1,200,000 rows in [0-9,]+ bytes, which cannot"):
            read_manifest(path)

    @pytest.mark.slow
    def test_a_row_of_very_many_values_fails(self, write: Callable[..., Path]) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        ends = pyarrow.array([0, 25_000_000], pyarrow.int32())
        nulls = pyarrow.nulls(25_000_000, pyarrow.string())
        captions = pyarrow.ListArray.from_arrays(ends, nulls)
        found, [fault] = self.read(write({"file_name": ["a.png"], "captions": captions}))
        assert found == []
        assert "25,000,000 values in one group of rows, limit 20,000,000" in fault

    def test_odd_columns_are_named(self, write: Callable[..., Path]) -> None:
        with pytest.raises(ManifestError, match="no file name; expected a column"):
            read_manifest(write({"caption": ["x"]}))


def test_json_lists_in_cells_are_lists(read: Read) -> None:
    cell = json.dumps(["a", "b"]).replace('"', '""')
    found, faults = read("a.csv", f'file_name,captions\na.png,"{cell}"\n'.encode())
    assert (list(found["a.png"].captions), faults) == (["a", "b"], [])
