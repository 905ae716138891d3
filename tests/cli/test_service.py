"""`mmembed search` through a running server: the same answers, and no other server is asked."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmembed.cli import serve, service
from mmembed.config.settings import Settings
from tests.cli.processes import fake
from tests.cli.services import SECRET, Ask, leave, run, settings_of
from tests.serving import FAKE, Process, complaints, picture, write_pictures

pytestmark = pytest.mark.slow

WITHOUT_MODEL = """
import sys
from mmembed.cli import main
code = main(sys.argv[1:])
heavy = {"torch", "numpy", "fastapi", "PIL", "sqlite3", "mmembed.collection.collection"}
print("loaded:", sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of seven pictures, some with captions and tags."""
    base = tmp_path_factory.mktemp("served")
    colours = ["red", "green", "blue", "yellow", "purple", "white", "black"]
    photos = write_pictures(base / "photos", colours)
    lines = [{"file_name": f"{c}.png", "caption": f"a {c} field", "tags": ["x"]} for c in colours]
    (photos / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    indexed = fake("index", photos, "--data", base / "data", "--model", "fake")
    assert indexed.returncode == 0, indexed.stderr
    return base / "data"


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Process]:
    with Process(FAKE, "--data", str(data)) as process:
        yield process
        assert process.end() == (0, "")
        assert not (data / service.FILE).exists()


@pytest.mark.parametrize(
    "asked",
    [
        ["red"],
        ["a green field", "-k", "2"],
        ["red", "--kind", "caption"],
        ["red", "--tag", "x", "-k", "3"],
        ["red", "--tag", "none"],
        ["red", "--item", "3"],
        ["--image", "IMAGE", "-k", "4"],
        ["word " * 100],
        [
            "red",
            "--with",
            "green",
            "--without",
            "blue",
            "--like",
            "IMAGE",
            "--without-like",
            "IMAGE",
        ],
        ["red", "--without", "blue", "--strategy", "exclude"],
        ["red without blue"],
        ["red", "-k", "2", "--cursor", "CURSOR"],
        ["red", "--item", "999999"],
        ["--image", "missing.png"],
        ["  "],
        ["red", "--cursor", "nonsense"],
    ],
)
@pytest.mark.parametrize("shown", [[], ["--json"]], ids=["table", "json"])
def test_the_answer_is_that_of_the_folder(
    server: Process, data: Path, tmp_path: Path, asked: list[str], shown: list[str], ask: Ask
) -> None:
    (tmp_path / "x.png").write_bytes(picture("green"))
    first = ask("search", "red", "-k", "2", "--json", "--data", str(data))
    known = {"IMAGE": str(tmp_path / "x.png"), "CURSOR": json.loads(first[1])["next_cursor"]}
    command = ["search", *(known.get(word, word) for word in asked), *shown, "--data", str(data)]
    # Another limit is another order as far as a server is concerned: the folder is asked.
    assert ask(*command) == ask(*command, MMEMBED_EXACT_LIMIT="49999")


def test_nothing_heavy_is_loaded(server: Process, data: Path) -> None:
    finished = run(sys.executable, "-c", WITHOUT_MODEL, "search", "red", "--data", data)
    assert finished.returncode == 0
    assert "red.png" in finished.stdout
    assert finished.stderr == "loaded: []\n"


def test_only_who_owns_the_folder_sees_the_address(server: Process, data: Path) -> None:
    assert (data / service.FILE).stat().st_mode & 0o777 == 0o600


def test_a_running_server_is_found(server: Process, data: Path) -> None:
    found = service.find(settings_of(data))
    assert found is not None
    assert server.address == f"http://{found.host}:{found.port}"
    same = service.find(settings_of(data, model="fake"))
    assert same == found
    assert service.find(settings_of(data, model="bundled")) is None
    found.line.close()
    same.line.close()


def test_a_copy_of_the_folder_is_not_served(server: Process, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "copy")
    assert (tmp_path / "copy" / service.FILE).is_file()
    assert service.find(settings_of(tmp_path / "copy")) is None


def test_a_server_of_another_folder_at_the_same_address(server: Process, data: Path) -> None:
    left = (data / service.FILE).read_text()
    try:
        changed = {**json.loads(left), "collection": "0" * 32}
        (data / service.FILE).write_text(json.dumps(changed))
        assert service.find(settings_of(data)) is None
    finally:
        (data / service.FILE).write_text(left)


# -- the file ------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "named"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_an_address_of_this_machine_is_left(folder: Path, bound: str, named: str) -> None:
    with socket.create_server((bound, 0)) as listener:
        assert service.announce(settings_of(folder), listener, "abc", SECRET) is not None
    assert json.loads((folder / service.FILE).read_text())["host"] == named


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    moved = settings_of(folder / "gone")
    (folder / "gone").mkdir()
    (folder / "catalog.sqlite3").rename(folder / "gone/catalog.sqlite3")
    os.mkdir(folder / "gone" / service.FILE)  # where the file should be
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert service.announce(moved, listener, "abc", SECRET) is None
    assert sorted(path.name for path in (folder / "gone").iterdir() if "serving" in path.name) == [
        service.FILE
    ]


def test_only_ones_own_address_is_withdrawn(folder: Path) -> None:
    """Whatever the id of the process: ids are given again."""
    leave(folder, secret="another's")
    service.withdraw(folder / service.FILE, SECRET)
    assert (folder / service.FILE).exists()
    leave(folder, pid=-5)
    service.withdraw(folder / service.FILE, SECRET)
    service.withdraw(folder / service.FILE, SECRET)
    assert not (folder / service.FILE).exists()


def test_a_second_server_leaves_the_address_of_the_first(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(service.FILE))
    folder = tmp_path / "data"
    with Process(FAKE, "--data", str(folder)) as first:
        left = (folder / service.FILE).read_text()
        with Process(FAKE, "--data", str(folder)) as second:
            assert second.address != first.address
            assert second.end() == (0, "")
        assert (folder / service.FILE).read_text() == left
        found = service.find(settings_of(folder))
        assert found is not None
        with found.line:
            assert first.address.endswith(f":{found.port}")
        first.child.kill()
        first.child.wait()
    with Process(FAKE, "--data", str(folder)) as third:  # nobody proves anything there any more
        assert json.loads((folder / service.FILE).read_text())["pid"] == third.child.pid


def test_a_killed_server_leaves_a_file_that_nobody_believes(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data", ignore=shutil.ignore_patterns(service.FILE))
    with Process(FAKE, "--data", str(tmp_path / "data")) as process:
        process.child.kill()
        process.child.wait()
    assert (tmp_path / "data" / service.FILE).exists()
    finished = fake("search", "red", "--data", tmp_path / "data")
    assert (finished.returncode, complaints(finished.stderr)) == (0, "")
    assert "red.png" in finished.stdout


def test_the_end_of_an_answer_does_not_wait_for_its_beginning() -> None:
    """asyncio turns Nagle's algorithm off only for sockets that say that they are TCP's."""
    with serve._listen(Settings(port=0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
