"""The commands of docs/postgres.md, and a walk-through, run as they stand there, with the addresses
of these tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import real
from tests.postgres_server import address
from tests.s3_server import s3_address
from tests.serving import PATIENCE_S, ROOT, environment, write_pictures

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install mmembed[postgres]")

pytestmark = pytest.mark.scale
TEXT = (ROOT / "docs/postgres.md").read_text("utf-8")
BLOCKS: list[str] = re.findall(r"^```sh\n(.*?)^```", TEXT, re.S | re.M)
SHELL = f"""
set -eu
pip() {{ :; }}
mmembed() {{
  if [ "$1" = serve ]; then
    "{sys.executable}" -m tests.cli.serve_once "$@"
  else
    "{sys.executable}" -m mmembed "$@"
  fi
}}
"""
"""Nothing is installed, and a server ends once it has answered."""


def block(command: str) -> str:
    """The only block with a command."""
    [found] = [text for text in BLOCKS if command in text]
    return found


def walked(text: str, places: dict[str, str], folder: Path, **variables: str) -> str:
    """What the commands print, with each of these places in place of the document's."""
    for written, meant in places.items():
        assert written in text, f"{written} is not in the document"
        text = text.replace(written, f"'{meant}'" if written.startswith("~") else meant)
    ours = environment(
        MMEMBED_DATA=str(folder / "data"),
        MMEMBED_MODEL="bundled",
        PYTHONPATH=str(ROOT),
        **variables,
    )
    ran = subprocess.run(
        ["bash", "-c", SHELL + text], cwd=ROOT, env=ours, capture_output=True, text=True,
        timeout=10 * PATIENCE_S, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "photos", ["red", "green", "blue"])


def quoted(at: str) -> str:
    """An address of a test has an ampersand."""
    return f"'{at}'"


def test_every_block_is_walked_here_or_by_another_test() -> None:
    known = ("mmembed index ~/Pictures", "MMEMBED_BLOBS=s3", "target_session_attrs",
             "pg_basebackup", "mmembed serve --store", "mmembed shards add")  # fmt: skip
    assert [text for text in BLOCKS if not any(command in text for command in known)] == []


def test_the_first_commands_and_an_object_store(photos: Path, tmp_path: Path) -> None:
    at = quoted(address())
    places = {"postgresql://ann@db.example:5432/photos": at, "~/Pictures": str(photos)}
    out = walked(block("mmembed index ~/Pictures"), places, tmp_path)
    assert out.count("red.png") == 1
    assert out.splitlines()[-1] == "3"
    at_s3 = s3_address()
    places = {
        "s3://photos/mmembed": at_s3,
        "https://minio.example:9000": os.environ["AWS_ENDPOINT_URL"],
    }
    text = block("MMEMBED_BLOBS=s3").replace("…", "of-a-test")
    out = walked(text, places, tmp_path, MMEMBED_STORE=at.strip("'"))
    assert out.splitlines()[-1] == "3"


def test_several_databases_and_one_more(photos: Path, tmp_path: Path) -> None:
    first, second, third, fourth = (address() for _ in range(4))
    written = "postgresql://a.example/photos,postgresql://b.example/photos"
    set_of_two = block("mmembed serve --store")
    out = walked(set_of_two, {written: quoted(f"{first},{second}")}, tmp_path)
    assert out.splitlines()[-1] == "0"
    done = real(
        "index", photos, "--store", third, "--data", tmp_path / "data", "--model", "bundled"
    )
    assert done.returncode == 0, done.stderr
    places = {
        "postgresql://a.example/photos": quoted(third),
        "postgresql://b.example/photos": quoted(fourth),
    }
    walked(block("mmembed shards add"), places, tmp_path)
    found = real("search", "red", "--store", f"{third},{fourth}", "--data", tmp_path / "data")
    assert found.stdout.count(".png") == 3, found.stderr
    alone = real("search", "red", "--store", third, "--data", tmp_path / "data")
    assert alone.returncode == 1
    assert "is database 1 of the 2" in alone.stderr


def test_an_address_of_a_primary_and_its_standby_is_one(tmp_path: Path) -> None:
    out = walked(
        block("target_session_attrs")
        + f'"{sys.executable}" -c "from mmembed.config.store_address import addresses_of as read\n'
        "import os; print([one.name for one in read(os.environ['MMEMBED_STORE'])])\"",
        {},
        tmp_path,
    )
    assert out.strip() == "['postgresql://a.example,b.example/photos']"


def test_the_walk_through_of_several_workers(tmp_path: Path) -> None:
    document = (ROOT / "docs/many-machines.md").read_text("utf-8")
    part = document.partition("## A walk-through")[2]
    text = part.partition("```sh\n")[2].partition("```")[0]
    out = walked(text, {}, tmp_path, MMEMBED_STORE=address())
    files = (ROOT / "fixtures/gallery").iterdir()
    pictures = sum(file.suffix != ".txt" for file in files)
    assert f"{pictures} pictures planned" in out
    embedded = [int(count) for count in re.findall(r"(\d+) embedded", out)]
    assert sum(embedded) == pictures
    assert "dog" in out.partition("score")[2]
