"""What is acknowledged lies where it will be found: files that are deleted, renamed or replaced
under an open catalog."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mmembed.errors import StoreBusy, StoreError
from mmembed.store.entries import CaptionEntry, ImageEntry, Model
from mmembed.store.protocol import Purpose
from mmembed.store.sqlite import Catalog
from mmembed.store.sqlite.file_identity import FileIdentity
from mmembed.store.sqlite.lock_files import exclusive
from tests.serving import add, data_uri, error_of, picture, serving

pytestmark = pytest.mark.slow

Entry = Callable[..., ImageEntry]


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    other = Catalog(folder)
    other.close()


def delete_catalog(folder: Path) -> None:
    (folder / "catalog.sqlite3").unlink()


def copy_over(folder: Path) -> None:
    (folder / "new").write_bytes((folder / "catalog.sqlite3").read_bytes())
    (folder / "new").rename(folder / "catalog.sqlite3")


def delete_log(folder: Path) -> None:
    (folder / "catalog.sqlite3-wal").unlink()


def delete_all_of_it(folder: Path) -> None:
    for path in folder.glob("catalog.sqlite3*"):
        path.unlink()


HARM = [rename, remove, replace, delete_catalog, copy_over, delete_log, delete_all_of_it]


@pytest.mark.parametrize("harm", HARM)
def test_nothing_is_acknowledged_where_nobody_will_find_it(
    catalog: Catalog, entry: Entry, harm: Callable[[Path], None]
) -> None:
    [kept] = catalog.write(
        [entry("/kept.jpg", captions=(CaptionEntry("x", entry("/x").embedding),))]
    )
    harm(catalog.folder)
    for change in (
        lambda: catalog.write([entry("/a.jpg")]),
        lambda: catalog.write_caption(CaptionEntry("words", entry("/x").embedding)),
        lambda: catalog.update(kept, tags=["x"]),
        lambda: catalog.update(kept, captions=[]),
        lambda: catalog.move([(kept, "/b.jpg", 1, (1, 2, 3))]),
        lambda: catalog.remove([kept]),
    ):
        with pytest.raises(StoreError, match=r"(is gone|was replaced).*put it back, or stop"):
            change()
    assert [one.code for one in catalog.troubles()][:1] == ["moved"]
    assert catalog.item(kept).path == "/kept.jpg"  # what was open still answers
    purposes: tuple[Purpose, ...] = ("indexing", "publishing", "uploading")
    for purpose in purposes:
        with pytest.raises(StoreError), catalog.exclusive(purpose, part="ab"):
            pass


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("moment", ["BEGIN IMMEDIATE", "COMMIT", "after"])
def test_nor_where_it_happens_in_the_midst_of_a_write(
    catalog: Catalog, entry: Entry, harm: Callable[[Path], None], moment: str
) -> None:
    catalog.write([entry("/kept.jpg")])

    class Harmed:
        def execute(self, sql: str, *values: object) -> object:
            if sql == moment:
                harm(catalog.folder)
            result = real.execute(sql, *values)  # type: ignore[arg-type]
            if moment == "after" and sql == "COMMIT":
                harm(catalog.folder)
            return result

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    real = catalog._connection
    catalog._connection = Harmed()  # type: ignore[assignment]
    with pytest.raises(StoreError, match=r"is gone|was replaced"):
        catalog.write([entry("/a.jpg")])
    catalog._connection = real


def test_what_comes_back_is_written_again(catalog: Catalog, entry: Entry) -> None:
    aside = catalog.folder.with_name("aside")
    catalog.folder.rename(aside)
    with pytest.raises(StoreError):
        catalog.write([entry("/a.jpg")])
    aside.rename(catalog.folder)
    assert catalog.write([entry("/a.jpg")])
    assert catalog.troubles() == []


def test_a_second_process_that_folds_the_log_is_no_stranger(
    catalog: Catalog, entry: Entry, open_catalog: Callable[[], Catalog]
) -> None:
    other = open_catalog()
    for number in range(5):
        other.write([entry(f"/{number}.jpg", (1, number, 0, 0))])
        with other._writing:
            other._fold()
        catalog.write([entry(f"/other{number}.jpg", (1, number, 1, 0))])
    other.close()
    assert catalog.count() == 10
    assert catalog.troubles() == []


def test_a_deleted_lock_file_lets_nobody_by(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    with exclusive(lock, purpose="first", wait_s=0):
        lock.unlink()
        with exclusive(lock, purpose="second", wait_s=0):
            with pytest.raises(StoreBusy, match="second"), exclusive(lock, purpose="x", wait_s=0):
                pass
            # The one that waited on the deleted file notices, too.
            entered = threading.Event()

            def third() -> None:
                with exclusive(lock, purpose="third", wait_s=30):
                    entered.set()

            waiting = threading.Thread(target=third)
            waiting.start()
            assert not entered.wait(0.05)
        waiting.join(30)
        assert entered.is_set()


def test_a_place_is_told_from_another_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "c").touch()
    place = FileIdentity(tmp_path / "c")
    assert place.trouble() is None
    (tmp_path / "d").touch()
    os.replace(tmp_path / "d", tmp_path / "c")
    assert "was replaced" in str(place.trouble())


@pytest.mark.parametrize("harm", HARM)
def test_a_server_says_so(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (client, _):
        item = add(client, "red", caption="a red field")
        assert client.get("/ready").status_code == 200
        harm(folder)
        before = contents(folder)
        upload = {"image": data_uri(picture("blue"))}
        for answer in (
            client.post("/v1/items", json=upload),
            client.post("/v1/items", json={"caption": "words"}),
            client.patch(f"/v1/items/{item['id']}", json={"tags": ["x"]}),
            client.delete(f"/v1/items/{item['id']}"),
        ):
            assert "was open here" in error_of(answer, 507)
            assert str(tmp_path) not in answer.text
        for path in ("/health", "/ready"):
            health = client.get(path)
            assert health.status_code == 503
            assert health.json()["status"] == "failing"
            assert [one["code"] for one in health.json()["reasons"]] == ["moved"]
            assert str(tmp_path) not in health.text
        found = client.get("/v1/search?q=red").json()
        assert [hit["id"] for hit in found["hits"]] == [item["id"]]
        assert any("was moved, deleted or replaced" in note for note in found["notes"])
    if harm is not delete_log:
        assert contents(folder) == before  # nothing is put into what lies there now
        return
    with serving(folder) as (client, _):  # it was still open, and was saved at the end
        assert client.get("/v1/items").json()["total"] == 2


def test_another_catalogs_log_is_not_deleted(tmp_path: Path, entry: Entry) -> None:
    """SQLite deletes the log of a catalog that it closes, by its name."""
    folder = tmp_path / "data"
    first = Catalog(folder)
    first.claim(Model("four", "f", 4))
    first.write([entry("/a.jpg")])
    folder.rename(tmp_path / "elsewhere")
    dying = (
        "import os, sys\nfrom pathlib import Path\n"
        "from mmembed.store.entries import CaptionEntry, Model\n"
        "from mmembed.store.sqlite import Catalog\nimport numpy as np\n"
        "catalog = Catalog(Path(sys.argv[1]))\ncatalog.claim(Model('four', 'f', 4))\n"
        "catalog.write_caption(CaptionEntry('kept', np.ones(4, np.float32)))\nos._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", dying, str(folder)], check=True)
    first.close()
    for place, count in ((folder, 1), (tmp_path / "elsewhere", 1)):
        again = Catalog(place)
        assert again.count() == count
        again.close()


def contents(folder: Path) -> list[tuple[str, bytes]]:
    """Every file but the index of a log, which says who has it open."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(p), p.read_bytes()) for p in files if not p.name.endswith("-shm")]
