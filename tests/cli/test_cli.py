"""The command line, in processes of its own: the real one with a tiny model where the model
matters, else over the fake encoder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image

from tests.pictures import ODD
from tests.serving import (
    PATIENCE_S,
    Process,
    complaints,
    data_uri,
    environment,
    eventually,
    picture,
    write_pictures,
)

REAL = [sys.executable, "-m", "mmembed"]
FAKE = [sys.executable, "-m", "tests.fake_mmembed"]
HEEDFUL = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])",
]
"""Runs a command that heeds Ctrl-C, also where these tests were begun in the background: a shell
has SIGINT ignored there, and whatever is run from it inherits that."""
PROGRESS = re.compile(r"^mmembed: .* \((\d+ (s|min|h) ?)+\)\n", re.MULTILINE)
COMMANDS = ("index", "remove", "search", "classify", "embed", "eval", "models", "serve")
COLOURS = ["red", "green", "blue"]
HOSTILE = "esc\x1b[31m\nline\u202e.png"


Finished = subprocess.CompletedProcess[str]


def run(command: list[str], *arguments: str | bytes | Path, **variables: str) -> Finished:
    """Run a command; whatever it does, no traceback. Lines of progress, which a slow machine has
    more of, are left out."""
    finished = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=2 * PATIENCE_S,
    )
    assert "Traceback" not in finished.stderr
    assert "Exception ignored" not in finished.stderr
    finished.stderr = PROGRESS.sub("", finished.stderr)
    return finished


def real(*arguments: str | bytes | Path, **variables: str) -> Finished:
    return run(REAL, *arguments, **variables)


def fake(*arguments: str | bytes | Path, **variables: str) -> Finished:
    return run(FAKE, *arguments, **variables)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three colours with captions, and pictures with odd names."""
    folder = tmp_path_factory.mktemp("photos")
    for colour in COLOURS:
        (folder / f"{colour}.txt").write_text(f"a {colour} field\n")
    write_pictures(folder, COLOURS)
    (folder / HOSTILE).write_bytes(picture("purple"))
    (folder / "café 日本 🦊.jpg").write_bytes(picture("pink", kind="JPEG"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a tiny model with random weights."""
    from tests.random_models import OPENAI, SMALL, save_random

    return save_random(tmp_path_factory.mktemp("model"), SMALL, OPENAI)


@pytest.fixture(scope="module")
def data(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the photos, made with the fake encoder."""
    data = tmp_path_factory.mktemp("fake")
    assert fake("index", photos, "--data", data, "--model", "fake").returncode == 0
    return data


@pytest.fixture(scope="module")
def real_data(photos: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the photos, made with the tiny model."""
    data = tmp_path_factory.mktemp("real")
    finished = real("index", photos, "--data", data, "--model", model)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "5 pictures in" in finished.stdout
    assert "5 embedded" in finished.stdout
    assert str(data) in finished.stdout
    return data


# -- help ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    finished = real(command, "--help")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "--data DIR" in finished.stdout
    assert "--model ID" in finished.stdout
    assert f"  mmembed {command} " in finished.stdout, "has no example"


def test_help_of_all() -> None:
    finished = real("--help")
    assert finished.returncode == 0
    for command in COMMANDS:
        assert command in finished.stdout
    assert 'mmembed search "a dog in the snow"' in finished.stdout


def test_help_loads_no_model_code() -> None:
    script = """
import sys
from mmembed.cli import main
for command in sys.argv[1:]:
    try:
        main([command, "--help"])
    except SystemExit as end:
        assert end.code == 0
heavy = {"torch", "open_clip", "torchvision", "fastapi", "uvicorn", "huggingface_hub"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""
    finished = subprocess.run(
        [sys.executable, "-c", script, *COMMANDS],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert finished.stdout.splitlines()[-1] == "loaded: []", finished.stderr


# -- index, search, classify, embed --------------------------------------------------


def test_indexing_again_has_nothing_to_do(real_data: Path, photos: Path) -> None:
    finished = real("index", photos, "--data", real_data)
    assert finished.returncode == 0
    assert "5 unchanged" in finished.stdout
    assert "embedded" not in finished.stdout


def test_search_prints_a_table(real_data: Path) -> None:
    finished = real("search", "a red field", "-k", "5", "--data", real_data)
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["score", "relevance", "id", "picture", "caption"]
    assert len(lines) == 6
    assert any(r"esc\x1b[31m\nline\u202e.png" in line for line in lines)
    assert any("café 日本 🦊.jpg" in line for line in lines)
    assert any(line.endswith("a green field") for line in lines)
    assert "\x1b" not in finished.stdout


def test_search_prints_json(data: Path) -> None:
    finished = fake(
        "search", "red", "--json", "-k", "2", "--kind", "caption", MMEMBED_DATA=str(data)
    )
    answer = json.loads(finished.stdout)
    assert len(answer["hits"]) == 2
    assert {hit["kind"] for hit in answer["hits"]} == {"caption"}
    assert answer["model"] == "fake"
    more = fake(
        "search", "red", "--json", "--kind", "caption", "--cursor", answer["next_cursor"],
        "--data", data,
    )  # fmt: skip
    ids = [hit["id"] for hit in answer["hits"] + json.loads(more.stdout)["hits"]]
    assert len(set(ids)) == 3


def test_search_by_a_picture_and_by_an_item(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("green"))
    finished = fake("search", "--image", tmp_path / "x.png", "--json", "--data", data)
    best = json.loads(finished.stdout)["hits"][0]
    assert best["path"].endswith("green.png")
    assert best["score"] == pytest.approx(1, abs=1e-3)
    finished = fake("search", "--item", str(best["id"]), "--json", "--data", data)
    assert json.loads(finished.stdout)["hits"][0]["id"] == best["id"]


def test_searching_in_vain_says_why(data: Path) -> None:
    finished = fake("search", "red", "--tag", "holiday", "--data", data)
    assert (finished.returncode, finished.stdout) == (0, "")
    assert finished.stderr == f"nothing found: {data} holds no images with the tag holiday\n"


def test_classify_prints_a_table_and_names_failures(real_data: Path, tmp_path: Path) -> None:
    good = tmp_path / HOSTILE
    good.write_bytes(picture("red"))
    bad = tmp_path / "bad\n.jpg"
    bad.write_bytes(b"no picture")
    labels = tmp_path / "labels.txt"
    labels.write_text("\ufeffred\n\nblue\nlight green\n")
    finished = real(
        "classify", good, bad, "--labels", f"@{labels}", "--top", "2", "--data", real_data
    )
    assert finished.returncode == 1
    lines = finished.stdout.splitlines()
    assert lines[0].split() == ["picture", "%", "label"]
    assert len(lines) == 3
    assert lines[1].startswith(str(tmp_path))
    assert "%" in lines[1]
    [failure] = finished.stderr.splitlines()
    assert failure.startswith(f"failed: {tmp_path}/bad\\n.jpg: ")


def test_classify_prints_json(data: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(odd)).write_bytes(picture("red"))
    finished = fake(
        "classify", odd, "--item", "1", "--item", "999", "--labels", "red,blue",
        "--template", "a {} thing", "--mode", "softmax", "--json", "--data", data,
    )  # fmt: skip
    assert finished.returncode == 1
    results = json.loads(finished.stdout)["results"]
    assert [result["index"] for result in results] == [0, 1, 2]
    assert sum(label["probability"] for label in results[0]["labels"]) == pytest.approx(1)
    assert results[2]["error"]["type"] == "NotFound"


def test_classifying_leaves_an_empty_folder_to_any_model(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture("red"))
    arguments = ("--data", tmp_path / "data", "--model", "fake")
    finished = fake("classify", tmp_path / "x.png", "--labels", "a,b", *arguments)
    assert finished.returncode == 0
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments", [["search", "red"], ["search", "--item", "1"], ["eval", "index"]]
)
def test_reading_makes_no_folder(tmp_path: Path, arguments: list[str]) -> None:
    typo = tmp_path / "typo's"
    finished = fake(*arguments, "--data", typo, "--model", "fake")
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith(f"mmembed: {typo}: holds no collection; fill it with ")
    assert shlex.split(line.partition("fill it with ")[2])[-3:] == [
        "~/Pictures",
        "--data",
        str(typo),
    ]
    assert not typo.exists()


def test_a_mistyped_path_makes_no_folder(tmp_path: Path) -> None:
    finished = fake("index", tmp_path / "typo", "--data", tmp_path / "data", "--model", "fake")
    assert finished.returncode == 2
    assert "no such file or folder" in finished.stderr
    assert not (tmp_path / "data").exists()


def test_embedding_makes_no_folder(tmp_path: Path) -> None:
    finished = fake("embed", "--text", "red", "--data", tmp_path / "data", "--model", "fake")
    assert finished.returncode == 0
    assert not (tmp_path / "data").exists()


def test_embed_prints_lines_of_json(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "été.png").write_bytes(picture("red"))
    finished = real(
        "embed", tmp_path / "été.png", tmp_path / "no.png", "--text", "naïve", "--data", real_data,
        PYTHONIOENCODING="ascii", PYTHONUTF8="0",
    )  # fmt: skip
    assert finished.returncode == 1
    assert "no.png: cannot be read" in finished.stderr
    image, text = map(json.loads, finished.stdout.splitlines())
    assert image["image"] == str(tmp_path / "été.png")
    assert text["text"] == "naïve"
    for row in (image, text):
        assert np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-5)


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


# -- exit codes and errors -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["index", "/no/such/folder"], 2, "/no/such/folder: no such file or folder"),
        (["search", "red", "-k", "0"], 2, "-k 0: expected 1 to 1000"),
        (["classify", "--labels", "a,b"], 2, "no picture was named"),
        (["classify", "x.jpg", "--labels", "@/no/labels"], 2, "/no/labels: the labels cannot"),
        (["classify", "x.jpg", "--labels", " , "], 2, "labels: give at least one"),
        (["classify", "x.jpg", "--labels", "a", "--top", "0"], 2, "top 0"),
        (["embed"], 2, "nothing to embed"),
        (["serve", "--host", "no.such.host.invalid"], 2, "choose another --port or --host"),
        (["serve", "--port", "99999"], 2, "choose another --port or --host"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    finished = fake(
        *arguments, MMEMBED_DATA=str(tmp_path / "data"), MMEMBED_MODEL="local-dir:/none"
    )
    assert (finished.returncode, finished.stdout) == (code, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith("mmembed: ")
    assert said in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the query is empty"),
        (["--image", "/no/such.jpg"], "/no/such.jpg: cannot be read"),
    ],
)
def test_a_search_for_nothing_is_one_line(data: Path, arguments: list[str], said: str) -> None:
    finished = fake("search", *arguments, "--data", data)
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert said in line


def test_the_name_alone_shows_the_help() -> None:
    finished = fake()
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert finished.stdout == fake("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["search", "dog", "cat"], "search 'dog cat'"),
        (["search", "dog", "cat", "-k", "5"], "search 'dog cat' -k 5"),
        (["search", "-cat"], "search -- -cat"),
        (["search", "-kitten", "-k", "5"], "search -k 5 -- -kitten"),
        (["search", "dog", "-cat"], "search 'dog -cat'"),
        (["embed", "--text", "-cat"], '--text="-…"'),
        (["classify", "a.jpg", "--labels", "-a,b"], '--labels="-…"'),
        (["classify", "-a.jpg", "--labels", "a,b"], "-- -a.jpg"),
    ],
)
def test_words_that_look_like_options_have_a_remedy(arguments: list[str], remedy: str) -> None:
    finished = fake(*arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.splitlines()[-1].endswith(remedy)


def test_words_after_two_dashes_are_words(data: Path) -> None:
    finished = fake("search", "--data", data, "--json", "--", "-red")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["hits"]


@pytest.mark.parametrize("arguments", [["find"], ["search", "--what"], ["search", "-k", "x"]])
def test_usage_errors(arguments: list[str]) -> None:
    finished = fake(*arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.startswith("usage: mmembed")


@pytest.mark.parametrize(
    ("variable", "value"), [("MMEMBED_PORT", "http"), ("MMEMBED_MAX_MEGAPIXELS", "many")]
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    finished = fake("search", "red", **{variable: value})
    assert finished.returncode == 2
    assert finished.stderr == f"mmembed: {variable}={value}: expected a number\n"


def test_another_model_than_the_folders(data: Path) -> None:
    finished = fake("search", "red", "--data", data, "--model", "other")
    assert finished.returncode == 2
    [line] = finished.stderr.splitlines()
    assert "cannot be compared" in line


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finished = fake("search", "red", "--data", tmp_path / "file")
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "red", "--tag", "none"], ["embed", "--text", "a"]]
)
def test_a_reader_that_leaves_early(data: Path, arguments: list[str]) -> None:
    """As `| head` does."""
    read, write = os.pipe()
    os.close(read)
    try:
        finished = subprocess.run(
            [*FAKE, *arguments],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(MMEMBED_DATA=str(data)),
            timeout=PATIENCE_S,
        )
    finally:
        os.close(write)
    assert finished.returncode == 0
    assert "rror" not in finished.stderr


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
    data, empty = tmp_path / "data", tmp_path / "empty"
    empty.mkdir()
    finished = fake("index", empty, "--data", data, "--model", "fake")
    assert finished.returncode == 1
    assert f"no pictures below {empty}" in finished.stderr
    assert "files count as pictures by their ending" in finished.stderr
    many_pictures(empty / "@eaDir", 2)
    finished = fake("index", empty, "--data", data)
    assert finished.returncode == 1
    assert "1 parts of systems (--include-system enters them)" in finished.stdout
    assert "all that may hold some was passed over" in finished.stderr
    finished = fake("index", empty, "--data", data, "--include-system")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    shutil.rmtree(empty / "@eaDir")
    finished = fake("index", empty, "--data", data)
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


# -- serve ---------------------------------------------------------------------------


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A port that is taken."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder


def test_a_port_that_is_taken(held: socket.socket, data: Path) -> None:
    port = held.getsockname()[1]
    finished = fake("serve", "--port", str(port), "--data", data)
    assert (finished.returncode, finished.stdout) == (2, "")
    [line] = finished.stderr.splitlines()
    assert f"127.0.0.1:{port}: cannot listen there" in line
    assert "choose another --port or --host" in line


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_when_the_last_answer_is_given(tmp_path: Path, how: signal.Signals) -> None:
    with Process([*HEEDFUL, *FAKE], "--data", str(tmp_path), "--model", "fake") as server:
        assert "model     fake" in server.greeting
        assert f"data      {tmp_path}: 0 images" in server.greeting
        assert f"mmembed index ~/Pictures --data {tmp_path}" in server.greeting
        answer = httpx.post(
            f"{server.address}/v1/items", json={"image": data_uri(picture("red"))}, timeout=60
        )
        assert answer.status_code == 201
        with half_a_search(server.address) as connection:
            server.child.send_signal(how)
            eventually(lambda: not listens(server.address))
            connection.sendall(b'"red"}')
            said = connection.makefile("rb").read()
        assert said.startswith(b"HTTP/1.1 200 OK\r\n"), said
        assert b'"hits":[{"id":1,' in said
        assert server.ended() == (0, "")


def half_a_search(address: str) -> socket.socket:
    """A connection on which the server waits for the rest of a request."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    connection.sendall(
        f"POST /v1/search HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 11\r\n"
        'Expect: 100-continue\r\n\r\n{"q":'.encode()
    )
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 Continue")  # a route asked for it
    return connection


def listens(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_server_of_an_unknown_model_does_not_start(tmp_path: Path) -> None:
    finished = real("serve", "--port", "0", "--data", tmp_path, "--model", "local-dir:/none")
    assert finished.returncode == 1
    [line] = finished.stderr.splitlines()
    assert "local-dir:/none: there is no such folder" in line


@pytest.mark.parametrize("listens", [False, True], ids=["nobody listens", "nobody answers"])
def test_a_model_that_cannot_be_fetched_is_one_sentence(
    photos: Path, tmp_path: Path, listens: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        finished = real(
            "index", photos, "--data", tmp_path / "data", "--model", "ViT-B-32/laion2b_s34b_b79k",
            HF_HUB_OFFLINE="0", HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "hub"),
        )  # fmt: skip
    assert (finished.returncode, finished.stdout) == (1, "")
    [line] = finished.stderr.splitlines()
    assert line.startswith(
        "mmembed: ViT-B-32/laion2b_s34b_b79k: is not downloaded, and the model hub"
    )
    assert line.endswith("use --model local-dir:FOLDER")
    assert not (tmp_path / "data").exists()


def test_an_unknown_model_leaves_no_folder(photos: Path, tmp_path: Path) -> None:
    finished = real("index", photos, "--data", tmp_path / "data", "--model", "ViT-B-32/laion")
    assert finished.returncode == 1
    assert "unknown model" in finished.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments",
    [["index", "."], ["search", "a"], ["remove", "x"], ["eval", "index"], ["embed", "--text", "a"]],
)
def test_a_data_folder_that_cannot_be_looked_at_is_one_sentence(
    tmp_path: Path, arguments: list[str]
) -> None:
    folder = tmp_path / ("a" * 300)
    finished = run(FAKE, *arguments, "--data", folder)
    assert finished.returncode in (1, 2)
    assert finished.stdout == ""
    [line] = finished.stderr.splitlines()
    assert line.startswith("mmembed: ")
    assert "File name too long" in line
