"""`mmembed duplicates`"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.services import Ask
from tests.photographs import copies, jpeg, photograph
from tests.serving import open_collection


@pytest.fixture
def album(tmp_path: Path) -> tuple[Path, Path]:
    """Pictures and their collection: two equal files and a smaller one."""
    photos, data = tmp_path / "photos", tmp_path / "data"
    photos.mkdir()
    shot = photograph(0)
    for name in ("a.jpg", "b.jpg"):
        (photos / name).write_bytes(jpeg(shot))
    (photos / "small\x1b[31m.jpg").write_bytes(jpeg(copies(shot)["smaller"]))
    (photos / "other.jpg").write_bytes(jpeg(photograph(1)))
    with open_collection(data) as collection:
        collection.index([photos], progress=lambda *_: None)
    return photos, data


def test_a_table_says_what_to_keep(album: tuple[Path, Path], ask: Ask) -> None:
    code, out, err = ask("duplicates", "--data", str(album[1]), "--model", "fake")
    assert (code, err) == (0, "")
    assert "identical: the same bytes (1 group)" in out
    assert "same_shot: the same shot, in another file (1 group)" in out
    assert "4 pictures looked at" in out
    assert "\x1b" not in out
    keeping = [line for line in out.splitlines() if line.startswith("keep")]
    assert all("a.jpg" in line for line in keeping)


def test_a_class_without_groups_is_named(album: tuple[Path, Path], ask: Ask) -> None:
    fixed = ("--data", str(album[1]), "--model", "fake")
    out = ask("duplicates", "--class", "burst", *fixed)[1]
    assert out.startswith("no burst among 4 pictures; 1 group of identical, 1 group of same_shot")


def test_the_table_shows_a_large_group_in_part(
    album: tuple[Path, Path], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, data = album
    monkeypatch.setattr("mmembed.cli.duplicates.SHOWN", 3)
    for number in range(5):
        (photos / f"c{number}.jpg").write_bytes((photos / "a.jpg").read_bytes())
    with open_collection(data) as collection:
        collection.index([photos], progress=lambda *_: None)
    out = ask("duplicates", "--class", "identical", "--data", str(data), "--model", "fake")[1]
    assert out.count("equal") == 3
    assert "and 3 more" in out


def test_json_and_csv_have_all_groups(album: tuple[Path, Path], ask: Ask) -> None:
    fixed = ("--data", str(album[1]), "--model", "fake", "--class", "same_shot")
    code, out, _ = ask("duplicates", "--json", *fixed)
    answer = json.loads(out)
    [group] = answer["groups"]
    assert (code, group["class"], answer["pictures"]) == (0, "same_shot", 4)
    assert group["keep"]["path"].endswith("a.jpg")
    assert group["others"][0]["evidence"]["bits"] is not None
    code, out, _ = ask("duplicates", "--csv", *fixed)
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["keep"] for row in rows] == ["yes", ""]
    assert rows[1]["path"].endswith("small\x1b[31m.jpg")


def test_moving_and_undoing(album: tuple[Path, Path], ask: Ask, tmp_path: Path) -> None:
    photos, data = album
    fixed = ("--data", str(data), "--model", "fake")
    spare = tmp_path / "spare"
    code, out, _ = ask("duplicates", "--move-to", str(spare), "--dry-run", *fixed)
    assert (code, spare.exists()) == (0, False)
    assert "2 pictures" in out
    assert "would be moved" in out
    code, out, _ = ask("duplicates", "--move-to", str(spare), *fixed)
    assert code == 0
    assert "they stay in the collection" in out
    assert sorted(path.name for path in photos.iterdir()) == ["a.jpg", "other.jpg"]
    [log] = spare.glob("*.jsonl")
    code, out, _ = ask("duplicates", "--undo", str(log), *fixed)
    assert (code, out) == (0, "2 pictures moved back\n")
    assert len([*photos.iterdir()]) == 4


def test_decisions(album: tuple[Path, Path], ask: Ask) -> None:
    fixed = ("--data", str(album[1]), "--model", "fake")
    code, out, _ = ask("duplicates", "--not-duplicates", "1", "2", *fixed)
    assert code == 0
    assert "duplicates --forget 1 2" in out
    assert "identical" not in ask("duplicates", *fixed)[1]
    assert ask("duplicates", "--forget", "1", "2", *fixed)[:2] == (0, "1 decision forgotten\n")
    assert ask("duplicates", "--forget", "1", "2", *fixed)[0] == 1


def test_missing_hashes_are_told_and_computed(
    album: tuple[Path, Path], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, data = album
    (photos / "late.jpg").write_bytes(jpeg(photograph(7)))
    with monkeypatch.context() as patched, open_collection(data) as collection:
        patched.setattr("mmembed.ingest.prepare.hashes_of", lambda picture: None)
        collection.index([photos], progress=lambda *_: None)
    fixed = ("--data", str(data), "--model", "fake")
    _, _, err = ask("duplicates", *fixed)
    assert "1 of 4 pictures have no perceptual hashes" in err
    assert "duplicates --hash" in err
    assert ask("duplicates", "--hash", *fixed)[:2] == (0, "1 picture hashed\n")
    assert ask("duplicates", *fixed)[2] == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "0"], "-n 0: expected 1 or more"),
        (["--dry-run"], "--dry-run: goes with --move-to"),
        (["--not-duplicates", "1"], "two pictures or more"),
        (["--undo", "/no/such/log"], "/no/such/log: cannot be read"),
        (["--undo", "/no/such/log", "--where", "date:2024"], "--where and --class: go with"),
        (["--hash", "--class", "burst"], "--where and --class: go with"),
        (["--where", "nonsense=1"], "nonsense"),
    ],
)
def test_wrong_use(album: tuple[Path, Path], ask: Ask, arguments: list[str], said: str) -> None:
    code, _, err = ask("duplicates", *arguments, "--data", str(album[1]), "--model", "fake")
    assert code == 2
    assert said in err


def test_an_empty_collection_has_none(folder: Path, ask: Ask) -> None:
    code, out, _ = ask("duplicates", "--data", str(folder), "--model", "fake")
    assert (code, out) == (0, "no duplicates among 0 pictures\n")
