"""Whatever the work of one item raises, in every route that failure is the item's own."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mmembed.collection.collection import Collection
from mmembed.types import Embeddings, Pixels
from tests.fake_encoder import COLOURS, FakeEncoder
from tests.server.faulty_encoder import BAD, FAULTS, Faulty
from tests.serving import add, data_uri, error_of, open_collection, picture, serving

pytestmark = pytest.mark.slow

JSON = dict[str, Any]
Route = tuple[str, Callable[[list[str]], JSON], str, Callable[[JSON], list[Any]]]
"""Address, body of inputs, the field that errors name, and the rows of an answer."""


@pytest.fixture
def encoder() -> Faulty:
    return Faulty()


@pytest.fixture
def client(tmp_path: Path, encoder: Faulty) -> Iterator[TestClient]:
    with serving(tmp_path, encoder) as (client, _):
        yield client


@pytest.fixture(params=["preprocess", "embed_preprocessed", "decode"])
def picture_fault(
    request: pytest.FixtureRequest, encoder: Faulty, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What goes wrong with the purple picture."""
    fault: str = request.param
    encoder.fault = fault
    if fault == "decode":
        from mmembed.media import decode as real

        def decode(data: Any, **options: Any) -> Any:
            found = real.decode(data, **options)
            encoder._do("decode", found.image.getpixel((0, 0)) == COLOURS[BAD])
            return found

        for module in ("models.inputs", "collection.editing"):
            monkeypatch.setattr(f"mmembed.{module}.decode", decode)
    return fault


@pytest.fixture(params=["embed_texts", "count_tokens"])
def text_fault(request: pytest.FixtureRequest, encoder: Faulty) -> str:
    """What goes wrong with the purple text."""
    encoder.fault = request.param
    fault: str = request.param
    return fault


def uri(colour: str) -> str:
    return data_uri(picture(colour))


def check(error: JSON, name: str, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """It names the item, keeps the details, and was logged once with its traceback."""
    kind = FAULTS[fault].__name__
    said = f"{name}: could not be processed ({kind}); the log has the details"
    wanted = {"message": said, "type": "ProcessingError", "param": name, "code": 422}
    assert error == wanted
    records = [one for one in caplog.records if one.exc_info]
    assert len(records) == 1
    assert records[0].levelno == logging.ERROR
    assert "detail of the inside" in caplog.text


IMAGE_ROUTES: dict[str, Route] = {
    "openai": ("/v1/embeddings", lambda some: {"input": some}, "input", lambda a: a["data"]),
    "infinity": (
        "/embeddings",
        lambda some: {"input": [{"image": one} for one in some]},
        "input",
        lambda a: a["data"],
    ),
    "cohere": (
        "/v2/embed",
        lambda some: {"images": some, "embedding_types": ["float"]},
        "images",
        lambda a: a["embeddings"]["float"],
    ),
    "voyage": (
        "/v1/multimodalembeddings",
        lambda some: {
            "inputs": [
                {"content": [{"type": "image_base64", "image_base64": one}]} for one in some
            ]
        },
        "inputs",
        lambda a: a["data"],
    ),
}  # fmt: skip
TEXT_ROUTES: dict[str, Route] = {
    "openai": ("/v1/embeddings", lambda some: {"input": some}, "input", lambda a: a["data"]),
    "infinity": ("/embeddings", lambda some: {"input": some}, "input", lambda a: a["data"]),
    "cohere": (
        "/v2/embed",
        lambda some: {"texts": some, "embedding_types": ["float"]},
        "texts",
        lambda a: a["embeddings"]["float"],
    ),
    "voyage": (
        "/v1/multimodalembeddings",
        lambda some: {"inputs": [{"content": [{"type": "text", "text": t}]} for t in some]},
        "inputs",
        lambda a: a["data"],
    ),
}  # fmt: skip


def of_one(answer: JSON, rows: list[Any], index: int) -> JSON:
    """The error of one input, wherever the dialect puts it."""
    if "errors" in answer:
        [failure] = answer["errors"]
        assert failure["index"] == index
        error: JSON = failure["error"]
        return error
    error = rows[index]["error"]
    return error


def good(rows: list[Any], index: int) -> list[float]:
    row = rows[index]
    found: list[float] = row["embedding"] if isinstance(row, dict) else row
    return found


@pytest.mark.slow
@pytest.mark.parametrize("route", IMAGE_ROUTES)
def test_a_picture_costs_its_neighbours_nothing(
    client: TestClient, route: str, picture_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, body, field, rows_of = IMAGE_ROUTES[route]
    colours = ["red", BAD, "blue"]
    sent = {**body([uri(one) for one in colours]), "errors": "item"}
    answer = client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    rows = rows_of(answer.json())
    name = f"{field}[1]" + (".content[0]" if route == "voyage" else "")
    check(of_one(answer.json(), rows, 1), name, picture_fault, caplog)
    for index in (0, 2):
        assert good(rows, index) == pytest.approx(vector_of(colours[index]), abs=1e-6)
    caplog.clear()
    whole = client.post(path, json=body([uri(one) for one in colours]))
    assert whole.status_code == 422
    check(whole.json()["error"], name, picture_fault, caplog)


def vector_of(colour: str) -> list[float]:
    plain = FakeEncoder()
    image = Image.new("RGB", (64, 48), COLOURS[colour])
    row: list[float] = plain.embed_preprocessed(plain.preprocess(image)[None])[0].tolist()
    return row


@pytest.mark.slow
@pytest.mark.parametrize("route", TEXT_ROUTES)
def test_a_text_costs_its_neighbours_nothing(
    client: TestClient, route: str, text_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, body, field, rows_of = TEXT_ROUTES[route]
    texts = [f"red {number}" for number in range(40)]
    texts[27] = BAD
    answer = client.post(path, json={**body(texts), "errors": "item"})
    assert answer.status_code == 200, answer.text
    rows = rows_of(answer.json())
    name = f"{field}[27]" + (".content[0]" if route == "voyage" else "")
    check(of_one(answer.json(), rows, 27), name, text_fault, caplog)
    expected = FakeEncoder().embed_texts(texts)
    for index in (0, 26, 28, 39):
        assert good(rows, index) == pytest.approx(expected[index].tolist(), abs=1e-6)
    caplog.clear()
    whole = client.post(path, json=body(texts))
    assert whole.status_code == 422
    check(whole.json()["error"], name, text_fault, caplog)


def test_a_picture_of_immich(
    client: TestClient, picture_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    entries = json.dumps({"clip": {"visual": {"modelName": "fake"}}})
    answer = client.post("/predict", data={"entries": entries}, files={"image": picture(BAD)})
    assert answer.status_code == 422
    check(answer.json()["error"], "image", picture_fault, caplog)


def test_a_text_of_immich(
    client: TestClient, text_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    entries = json.dumps({"clip": {"textual": {"modelName": "fake"}}})
    form = {"entries": (None, entries), "text": (None, BAD)}
    answer = client.post("/predict", files=form)
    assert answer.status_code == 422
    check(answer.json()["error"], "text", text_fault, caplog)


def test_a_classified_picture(
    client: TestClient, picture_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    images = [uri("red"), uri(BAD), uri("blue")]
    answer = client.post("/v1/classify", json={"images": images, "labels": ["red", "blue"]})
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json()["results"]
    check(second["error"], "images[1]", picture_fault, caplog)
    assert (first["labels"][0]["label"], third["labels"][0]["label"]) == ("red", "blue")
    files = [("images", (f"{one}.png", picture(one))) for one in ("red", BAD)]
    answer = client.post("/v1/classify", files=files, data={"labels": ["red", "blue"]})
    assert answer.json()["results"][1]["error"]["param"] == "purple.png"
    assert answer.json()["results"][0]["labels"]


def test_a_label(client: TestClient, encoder: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    encoder.fault = "embed_texts"
    body = {"images": [uri("red")], "labels": ["red", "blue", BAD, "green"]}
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == 422
    check(answer.json()["error"], "labels[2]", "embed_texts", caplog)
    body["labels"] = ["red", "blue"]
    assert client.post("/v1/classify", json=body).status_code == 200


def test_a_term_of_a_search(
    client: TestClient, encoder: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    add(client, "red")
    encoder.fault = "embed_texts"
    terms = [{"text": "red"}, {"text": BAD}]
    answer = client.post("/v1/search", json={"query": terms})
    assert answer.status_code == 422
    check(answer.json()["error"], "query[1]", "embed_texts", caplog)
    assert "query[0]" in error_of(client.get(f"/v1/search?q={BAD}"), 422)
    assert client.get("/v1/search?q=red").json()["hits"]


def test_a_picture_of_a_search(client: TestClient, picture_fault: str) -> None:
    add(client, "red")
    terms = [{"text": "red"}, {"image": uri(BAD)}]
    message = error_of(client.post("/v1/search", json={"query": terms}), 422)
    assert "query[1].image" in message
    assert FAULTS[picture_fault].__name__ in message


def test_an_uploaded_picture(
    client: TestClient, picture_fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post("/v1/items", json={"image": uri(BAD), "name": "mine.png"})
    assert answer.status_code == 422
    check(answer.json()["error"], "mine.png", picture_fault, caplog)
    assert client.get("/v1/items").json()["items"] == []
    assert add(client, "red")["id"]


def test_a_caption(client: TestClient, encoder: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    item = add(client, "red", captions=["a red field"])
    encoder.fault = "embed_texts"
    answer = client.post("/v1/items", json={"image": uri("blue"), "captions": ["sky", BAD]})
    assert answer.status_code == 422
    said = "captions[1]: could not be processed (RuntimeError); the log has the details"
    assert answer.json()["error"]["message"] == said  # a panic, which is no Exception
    assert "Panic: detail of the inside" in caplog.text
    assert client.post("/v1/items", json={"caption": BAD}).status_code == 422
    answer = client.patch(f"/v1/items/{item['id']}", json={"captions": ["new", BAD]})
    assert "captions[1]" in error_of(answer, 422)
    kept = client.get(f"/v1/items/{item['id']}").json()
    assert kept["captions"] == ["a red field"]


def test_a_thumbnail(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    item = add(client, "red")["id"]

    def fail(*_: Any, **__: Any) -> bytes:
        raise RuntimeError("detail of the inside")

    monkeypatch.setattr("mmembed.collection.editing.thumbnail", fail)
    message = error_of(client.get(f"/v1/items/{item}/thumbnail?size=1280"), 422)
    assert message == f"item {item}: could not be processed (RuntimeError); the log has the details"
    assert sum(bool(one.exc_info) for one in caplog.records) == 1


def test_an_address(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fetch(self: Collection, url: str, name: str) -> bytes:
        if "bad" in url:
            raise UnicodeError("detail of the inside")
        return picture("red")

    monkeypatch.setattr(Collection, "fetch_image", fetch)
    addresses = ["http://example.org/a.png", "http://example.org/bad.png"]
    inputs = [{"image": one} for one in addresses]
    answer = client.post("/v1/embeddings", json={"input": inputs, "errors": "item"}).json()
    assert answer["data"][0]["embedding"]
    assert answer["data"][1]["error"]["type"] == "ProcessingError"
    answer = client.post("/v1/classify", json={"images": addresses, "labels": ["red"]}).json()
    assert answer["results"][0]["labels"]
    assert answer["results"][1]["error"]["param"] == "images[1]"
    body = {"query": [{"image": addresses[1]}]}
    assert "query[0].image: could" in error_of(client.post("/v1/search", json=body), 422)
    assert "image: could" in error_of(client.post("/v1/items", json={"image": addresses[1]}), 422)


def test_facts_that_cannot_be_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def facts(data: bytes) -> Any:
        raise RuntimeError("detail of the inside")

    monkeypatch.setattr("mmembed.collection.image_sources.image_facts", facts)
    answer = client.post("/v2/embed", json={"images": [uri("red")], "embedding_types": ["float"]})
    assert answer.json()["embeddings"]["float"][0]
    assert answer.json()["images"][0]["format"] == "unknown"


def test_an_item_that_cannot_be_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mmembed.server import json_answers

    ids = [add(client, colour)["id"] for colour in ("red", "blue", "green")]
    real = json_answers.links

    def links(item: Any) -> Any:
        if item.id == ids[1]:
            raise RuntimeError("detail of the inside")
        return real(item)

    monkeypatch.setattr(json_answers, "links", links)
    assert [one["id"] for one in client.get("/v1/items").json()["items"]] == [ids[0], ids[2]]
    hits = client.get("/v1/search?q=red").json()["hits"]
    assert {one["id"] for one in hits} == {ids[0], ids[2]}
    assert "detail of the inside" in caplog.text


def test_a_model_that_fails_at_everything_is_no_fault_of_the_items(tmp_path: Path) -> None:
    class Broken(FakeEncoder):
        def embed_preprocessed(self, pixels: Pixels) -> Embeddings:
            raise RuntimeError("detail of the inside")

    with serving(tmp_path, Broken()) as (client, _):
        body = {"input": [{"image": uri("red")}, {"image": uri("blue")}], "errors": "item"}
        assert "went wrong here" in error_of(client.post("/v1/embeddings", json=body), 500)


def test_the_command_line(
    tmp_path: Path, encoder: Faulty, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, picture_fault: str,
) -> None:  # fmt: skip
    from mmembed import cli

    monkeypatch.setattr(
        "mmembed.collection.open_models.loader", lambda engine, cache: lambda name: encoder
    )
    for colour in ("red", BAD):
        (tmp_path / f"{colour}.png").write_bytes(picture(colour))
    files = [str(tmp_path / f"{one}.png") for one in ("red", BAD)]
    common = ["--data", str(tmp_path / "data"), "--model", "bundled"]
    assert cli.main(["embed", *files, "--text", "red", *common]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert re.search(r"failed: .*purple.png: could not be processed", err)
    assert cli.main(["classify", *files, "--labels", "red,blue", *common]) == 1
    out, err = capsys.readouterr()
    assert "red.png" in out
    assert "purple.png: could not be processed" in err
    open_collection(tmp_path / "data").close()
    assert cli.main(["search", "--image", files[1], *common]) == 2
    assert "purple.png" in capsys.readouterr().err


def test_a_text_on_the_command_line(
    tmp_path: Path, encoder: Faulty, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from mmembed import cli

    monkeypatch.setattr(
        "mmembed.collection.open_models.loader", lambda engine, cache: lambda name: encoder
    )
    encoder.fault = "embed_texts"
    common = ["--data", str(tmp_path / "data"), "--model", "bundled"]
    assert cli.main(["embed", "--text", "red", "--text", BAD, "--text", "blue", *common]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["red", "blue"]
    assert "could not be processed" in err
