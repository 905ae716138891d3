"""Pieces of an indexing: the words that travel with them, and the paths that a planner has met."""

from __future__ import annotations

from pathlib import Path

from mmembed.ingest import Report, report_text, sum_of
from mmembed.ingest.caption_rules import SaidLimits
from mmembed.ingest.piece_words import (
    Elsewhere,
    elsewhere_of,
    reading_of,
    said_of_known,
    said_of_new,
)
from mmembed.ingest.seen_paths import SeenPaths
from mmembed.ingest.stage_profile import StageTime
from mmembed.sources.entries import IN_TAR, FileStat, Text
from mmembed.store.entries import Reading, Words
from mmembed.store.pieces import PieceFile
from mmembed.types import Failure

LIMITS = SaidLimits(chars=20)


def test_words_of_manifests_and_text_files_reach_the_worker(tmp_path: Path) -> None:
    image, beside = str(tmp_path / "a.jpg"), tmp_path / "a.txt"
    beside.write_text("a line\nsaid\n" + "x" * 21)
    words = Words({"said": {"/m"}}, {"tag": {"/m"}}, {"/m": '{"year": 1}'})
    file = PieceFile(image, said_of_new(words, beside=True))
    reading, failures = reading_of(file, [str(tmp_path)], LIMITS)
    assert dict(reading.words.captions) == {"a line": {str(beside)}, "said": {str(beside), "/m"}}
    assert (dict(reading.words.tags), dict(reading.words.fields)) == (words.tags, words.fields)
    assert [failure.code for failure in failures] == ["ManifestError"]
    assert not reading.current(str(beside))  # it was not read whole
    assert reading.current("/m")
    assert said_of_new(Words(), beside=False) == ""
    reading, failures = reading_of(PieceFile(image, ""), [], LIMITS)
    assert (bool(reading.words), failures) == (False, [])


def test_texts_that_ended_go_and_others_stay() -> None:
    before = Words(
        {"old": {"/gone"}, "kept": {"/elsewhere"}, "mine": {""}}, {}, {"/gone": '{"a": 1}'}
    )
    now = Reading(Words({"new": {"/m"}}), lambda source: source in ("/gone", "/m"))
    file = PieceFile("/a.jpg", said_of_known(now, before))
    reading, _ = reading_of(file, [], LIMITS)
    after = reading.after(before)
    assert dict(after.captions) == {"new": {"/m"}, "kept": {"/elsewhere"}, "mine": {""}}
    assert after == now.after(before)


def test_texts_beside_a_picture_elsewhere_are_read_with_it() -> None:
    stat, beside = FileStat(9, 1, (IN_TAR, 512, -7)), (Text("/s.tar/a.txt", 5, 1024),)
    said = said_of_new(Words({"said": {"/m"}}), False, Elsewhere(stat, beside))
    file = PieceFile("/s.tar/a.png", said)
    assert elsewhere_of(file) == Elsewhere(stat, beside)
    reading, _ = reading_of(file, [], LIMITS)
    assert dict(reading.words.captions) == {"said": {"/m"}}
    assert not reading.current("/s.tar/a.txt"), "an earlier worker may have read it"
    assert reading.current("/m")
    assert elsewhere_of(PieceFile("/a.png", "")) is None


def test_paths_are_known_again() -> None:
    seen = SeenPaths()
    assert seen.among(["/a"]) == set()
    for number in range(1_000):
        seen.add(f"/{number}")
    assert seen.among(["/7", "/1000", "/999", "/a\udcff"]) == {"/7", "/999"}
    seen.add("/a\udcff")
    assert seen.among(["/a\udcff", "/b"]) == {"/a\udcff"}


def test_reports_add_up() -> None:
    failure = Failure("/a", "ImageError", "why")
    first = Report(embedded=2, failures=[failure], seconds=1, stages=[StageTime("read", 1, 1.0)])
    second = Report(embedded=1, copies=1, empty=["/e"], kept_because_empty=True, seconds=3,
                    stages=[StageTime("read", 1, 0.2)])  # fmt: skip
    total = sum_of([report_text(first), report_text(second), report_text(Report(copies=-1))])
    assert (total.embedded, total.copies, total.failures) == (3, 0, [failure])
    assert (total.empty, total.kept_because_empty) == (["/e"], True)
    assert total.stages == [StageTime("read", 2, 0.4)]
