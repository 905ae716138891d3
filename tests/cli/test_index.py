"""`mmembed index` and `remove`: what they say, when they are interrupted, and what they leave."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.processes import HEEDFUL, fake
from tests.pictures import ODD
from tests.serving import FAKE, PATIENCE_S, complaints, environment, eventually

pytestmark = pytest.mark.slow


def test_indexing_tells_its_stages_and_makes_thumbnails(photos: Path, tmp_path: Path) -> None:
    to = ("--data", tmp_path, "--model", "fake", "--profile")
    finished = fake("index", photos, "--thumbnails", *to)
    assert re.search(r"thumbnail +\d+%", finished.stdout)
    assert list((tmp_path / "thumbnails").rglob("*-320-*.webp"))
    assert "thumbnail" not in fake("index", photos, *to).stdout


def test_failures_of_an_indexing_are_named(tmp_path: Path) -> None:
    finished = fake("index", ODD, "--data", tmp_path, "--model", "fake")
    assert finished.returncode == 1
    failed = [line for line in finished.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == int(finished.stdout.split(" failed")[0].split()[-1])
    for name in ("bomb.png", "empty.jpg", "text.jpg", "truncated.jpg", "eps-named.jpg"):
        assert any(f"{name}: " in line for line in failed), name
    whole = {Path(row[0]).name for row in rows(tmp_path, "SELECT path FROM items")}
    assert {"orientation-6.jpg", "cmyk.jpg", "🦊 in the 🌲🌲.jpg", "صورة-תמונה.jpg"} <= whole
    assert not whole & {"bomb.png", "truncated.jpg"}


# -- interrupted ---------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_indexing_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    folder, data = many_pictures(tmp_path / "photos", 300), tmp_path / "data"
    child = subprocess.Popen(
        [*HEEDFUL, *FAKE, "index", folder, "--data", data, "--model", "fake"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(MMEMBED_BATCH="1", SECONDS_A_BATCH="0.02"),
    )
    eventually(lambda: child.poll() is not None or (data / "catalog.sqlite3").exists())
    eventually(lambda: child.poll() is not None or count(data))
    child.send_signal(how)
    _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 130, said
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    kept = count(data)
    assert 0 < kept < 300
    again = fake("index", folder, "--data", data)
    assert again.returncode == 0
    assert f"{kept} unchanged" in again.stdout
    assert f"{300 - kept} embedded" in again.stdout
    assert count(data) == 300


def test_an_indexing_under_nohup_heeds_no_ctrl_c_and_tells_how_far_it_is(tmp_path: Path) -> None:
    folder, data = many_pictures(tmp_path / "photos", 60), tmp_path / "data"
    child = subprocess.Popen(
        ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *FAKE, "index", folder, "--data", data,
         "--model", "fake"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(MMEMBED_BATCH="1", SECONDS_A_BATCH="0.02", LINE_S="0.3"),
    )  # fmt: skip
    eventually(lambda: child.poll() is not None or (data / "catalog.sqlite3").exists())
    eventually(lambda: child.poll() is not None or count(data))
    for one in (signal.SIGINT, signal.SIGHUP):
        child.send_signal(one)
    output, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, said
    assert "60 embedded" in output
    assert re.search(r"^mmembed: [\d,]+ of 60 images, .* \(\d+ s\)$", said, re.MULTILINE)
    assert "\r" not in said


def test_output_that_nobody_reads_ends_no_indexing(tmp_path: Path) -> None:
    folder, data = many_pictures(tmp_path / "photos", 60), tmp_path / "data"
    child = subprocess.Popen(
        [*FAKE, "index", folder, "--data", data, "--model", "fake"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(MMEMBED_BATCH="1", SECONDS_A_BATCH="0.02", LINE_S="0.1"),
    )
    assert child.stdout is not None
    child.stdout.close()
    child.wait(timeout=PATIENCE_S)
    assert count(data) == 60


# -- what is found, and what is not ----------------------------------------------------


def test_a_data_folder_among_the_pictures_is_no_obstacle(tmp_path: Path) -> None:
    folder = many_pictures(tmp_path / "photos", 3)
    finished = fake("index", folder, "--data", folder, "--model", "fake")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "3 embedded" in finished.stdout
    again = fake("index", folder, "--data", folder)
    assert "3 unchanged" in again.stdout
    assert "passed over: 1 data folders' own files" in again.stdout


def test_no_pictures_at_all_are_no_success(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    index = ("index", empty, "--data", tmp_path / "data", "--model", "fake")
    finished = fake(*index)
    assert finished.returncode == 1
    assert f"no pictures below {empty}" in finished.stderr
    assert "files count as pictures by their ending" in finished.stderr
    many_pictures(empty / "@eaDir", 2)
    finished = fake(*index)
    assert finished.returncode == 1
    assert "1 parts of systems (--include-system enters them)" in finished.stdout
    assert "all that may hold some was passed over" in finished.stderr
    finished = fake(*index, "--include-system")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    shutil.rmtree(empty / "@eaDir")
    finished = fake(*index)
    assert finished.returncode == 1
    assert "is a disk missing? `mmembed remove PATH` takes them out" in finished.stderr


def test_exclusions_of_the_command_line_and_the_environment(tmp_path: Path) -> None:
    folder, data = many_pictures(tmp_path / "photos", 3), tmp_path / "data"
    arguments = ("index", folder, "--data", data, "--model", "fake")
    finished = fake(*arguments, MMEMBED_EXCLUDE="0.*, 1.png")
    assert "1 embedded" in finished.stdout
    assert "2 excluded" in finished.stdout
    finished = fake(*arguments, "--exclude", "2.png", MMEMBED_EXCLUDE="0.*, 1.png")
    assert "2 embedded" in finished.stdout
    assert "1 gone or passed over, and removed" in finished.stdout
    finished = fake(*arguments, "--exclude", "!2.png")
    assert finished.returncode == 2
    assert "--exclude '!2.png': expected a name or path" in finished.stderr


def test_removing(tmp_path: Path) -> None:
    folder, data = many_pictures(tmp_path / "photos", 3), tmp_path / "data"
    missing = fake("remove", folder, "--data", tmp_path / "typo")
    assert missing.returncode == 2
    assert "typo: holds no collection" in missing.stderr
    assert not (tmp_path / "typo").exists()
    fake("index", folder, "--data", data, "--model", "fake")
    finished = fake("remove", folder, "--data", data, "--dry-run")
    assert (finished.returncode, count(data)) == (0, 3)
    assert finished.stdout == f"{folder}: 3 pictures and 0 captions would be removed\n"
    one, other = folder / "0.png", folder / "none.png"
    finished = fake("remove", one, other, "--data", data, "--keep-out")
    assert finished.returncode == 0
    assert f"{one}: 1 picture and 0 captions removed, and kept out" in finished.stdout
    assert f"{other}: nothing of it is in the collection; it is kept out" in finished.stdout
    finished = fake("index", folder, "--data", data)
    assert "1 taken out for good (--include-removed takes them back)" in finished.stdout
    assert count(data) == 2
    shutil.rmtree(folder)
    finished = fake("remove", folder, "--data", data)
    assert (finished.returncode, count(data)) == (0, 0)
    finished = fake("remove", folder, "--data", data)
    assert finished.returncode == 1
    assert f"{folder}: nothing of it is in the collection" in finished.stderr


def many_pictures(folder: Path, number: int) -> Path:
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (number, 24, 24, 3), np.uint8)
    for index, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


def rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{data}/catalog.sqlite3?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []  # the tables are being made
    finally:
        connection.close()


def count(data: Path) -> int:
    found = rows(data, "SELECT count(*) FROM items WHERE kind = 'image'")
    return int(found[0][0]) if found else 0
