"""The benchmark's arithmetic, not its timings."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks import accelerator, gpu_job, over_http, search, vectors
from benchmarks.agreement import Disagreement, check, lowest_cosine
from benchmarks.end_to_end import measure, rows
from benchmarks.engines import limit_of
from benchmarks.indexing_ways import Group
from benchmarks.measurement import Repeated, fastest, startup_seconds, steady_rate, table
from benchmarks.pictures import commented, fill, photograph
from benchmarks.processes import RunFailed, run
from benchmarks.search_ways import all_ways
from mmembed.models.open_clip.preprocessing import Preprocessing

pytestmark = pytest.mark.slow


def test_ratios_are_of_the_same_round() -> None:
    """A machine that is twice as slow in the second round changes no ratio."""
    ours, theirs = Repeated((80.0, 40.0, 84.0)), Repeated((40.0, 20.0, 42.0))
    assert ours.over(theirs).rounds == (2.0, 2.0, 2.0)
    assert ours.over(theirs).shown(2) == "2.00 (2.00–2.00)"


def test_rounds_without_a_figure_are_left_out() -> None:
    figures = Repeated((10.0, None, 30.0, 11.0))
    assert figures.median == 11.0
    assert figures.shown() == "11.0 (10.0–30.0)"
    assert figures.over(Repeated((5.0, 5.0, None, 0.0))).rounds == (2.0, None, None, None)
    assert Repeated((None,)).shown() == "–"
    with pytest.raises(ValueError, match="shorter"):
        figures.over(Repeated((1.0,)))


def test_start_up_is_what_the_difference_leaves() -> None:
    """3 seconds to start and 0.1 an image."""
    assert steady_rate(100, 13.0, 23.0) == pytest.approx(10.0)
    assert startup_seconds(13.0, 23.0) == pytest.approx(3.0)
    assert steady_rate(100, 13.0, 12.9) is None


def test_the_fastest_has_the_highest_median() -> None:
    spiky, steady = Repeated((1.0, 2.0, 99.0)), Repeated((3.0, 3.0, 3.0))
    assert fastest([spiky, Repeated((None, None, None)), steady]) is steady
    assert fastest([Repeated(())]) is None


def test_a_table_is_markdown() -> None:
    assert table(("way", "n"), [["a|b", "1"], ["c", "20"]]).splitlines() == [
        "| way  | n  |",
        "| ---- | -- |",
        "| a\\|b | 1  |",
        "| c    | 20 |",
    ]


def test_vectors_that_differ_are_refused() -> None:
    expected = np.eye(3, 8, dtype=np.float32)
    assert check(expected * 7, expected, 0.9999) == pytest.approx(1)
    with pytest.raises(Disagreement, match=r"cosine 0\.00000"):
        check(expected[::-1], expected, 0.9999)
    with pytest.raises(Disagreement, match="shape"):
        check(expected[:2], expected, 0.9999)
    with pytest.raises(Disagreement, match="nan"):
        check(expected * np.float32("nan"), expected, 0.9999)


@pytest.mark.parametrize(
    ("engine", "limit"),
    [
        ("torch-float32", 450),
        ("openvino-bfloat16", 850),
        ("openvino-int8", 1600),
        ("torch-compiled", 900),
        ("default", None),
    ],
)
def test_engines_stand_beside_the_limit_of_their_numbers(engine: str, limit: float) -> None:
    limits: dict[str, float | None] = {"float32": 200.0, "float32, medium": 450.0}
    limits |= {"bfloat16": 850.0, "float16": 900.0, "int8": 1600.0}
    assert limit_of(engine, limits) == limit


def test_pictures_are_distinct_files_of_the_asked_size(tmp_path: Path) -> None:
    fill(tmp_path, 5, 2, lambda index: photograph(index, 64, 48))
    files = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert len(set(files)) == 5
    decoded = [np.asarray(Image.open(io.BytesIO(data))) for data in files]
    assert {pixels.shape for pixels in decoded} == {(48, 64, 3)}
    assert (decoded[0] == decoded[2]).all()
    assert (decoded[0] != decoded[1]).any()
    assert commented(files[0], 7) == commented(files[0], 7) != files[0]


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(RunFailed, match="ValueError: no such engine"):
        run([sys.executable, "-c", "raise ValueError('no such engine')"])
    with pytest.raises(RunFailed, match="not installed: some-peer"):
        run(["/nowhere/some-peer/bin/python", "-c", "pass"])
    with pytest.raises(RunFailed, match="too long"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)


@dataclass(frozen=True)
class FakeWay:
    """Gives one vector for every picture, or fails."""

    name: str
    vector: Sequence[float]
    status: int = 0
    group: Group = "peer"
    python: Path = Path("/nowhere/python")
    packages: tuple[str, ...] = ()
    cosine_at_least: float = 0.9999

    def command(self, pictures: Path, out: Path) -> list[str | Path]:
        code = f"import sys, time; time.sleep(0.05 * {len(list(pictures.iterdir()))}); sys.exit"
        return [sys.executable, "-c", f"{code}({self.status})"]

    def vectors(self, pictures: Path, out: Path) -> NDArray[np.float32]:
        return np.array([self.vector] * len(list(pictures.iterdir())), np.float32)


def test_ways_that_fail_or_differ_stay_in_the_table_with_the_reason(tmp_path: Path) -> None:
    once, twice = tmp_path / "once", tmp_path / "twice"
    for folder, count in ((once, 2), (twice, 4)):
        folder.mkdir()
        for index in range(count):
            (folder / f"{index}.jpg").touch()
    reference, good = FakeWay("reference", (1, 0), group="by hand"), FakeWay("good", (2, 0))
    ways = [reference, good, FakeWay("other", (1, 1)), FakeWay("broken", (1, 0), status=3)]
    timings = measure(ways, once, twice, repeats=2, warm_up=False)
    lines = {row[0]: row for row in rows(timings)}
    assert lines["other"][-1].startswith("not timed: vectors differ: cosine 0.70711")
    assert lines["broken"][-1] == "not timed: ended with status 3"
    assert lines["good"][7] == "1.00000"
    assert len(timings[1].steady) == 2
    assert set(timings[2].steady) == {None}
    with pytest.raises(RunFailed, match="broken"):
        measure([ways[3]], once, twice, repeats=1, warm_up=True)


def planes(picture: Image.Image) -> torch.Tensor:
    """uint8 (3, height, width), as a card's decoder gives."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


@pytest.mark.parametrize(("wide", "high"), [(640, 480), (301, 500)])
@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_a_card_resizes_as_the_model_wants(mode: str, wide: int, high: int) -> None:
    picture = Image.open(io.BytesIO(photograph(0, wide, high)))
    to = Preprocessing(224, 224, mode, 3, 0)
    found, expected = gpu_job.resized(planes(picture), to).numpy(), to(picture)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 1


def test_both_decoders_lead_to_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow stands in for the card's decoder."""
    fill(tmp_path, 6, 6, lambda index: photograph(index, 320, 240))
    files = sorted(tmp_path.iterdir())
    model = gpu_job.Model("bundled", "torch-float32", "cpu", at_once=4)
    found = gpu_job.measure(model, [tmp_path], batches=[2], seconds=0.01)
    assert found.giga_operations > 0
    assert found.lowest_cosine == {"engine to float32": pytest.approx(1)}
    assert len(found.images_per_second) == 3
    assert all(why.startswith("nvJPEG decodes on NVIDIA's") for why in found.problems.values())

    def stand_in(group: Sequence[bytes], device: str) -> list[torch.Tensor]:
        return [planes(Image.open(io.BytesIO(data))) for data in group]

    monkeypatch.setattr(gpu_job, "nvjpeg", stand_in)
    by_cpu, by_card = list(model.by_cpu(files)), list(model.by_card(files))
    assert [len(rows) for rows in by_card] == [4, 2]
    assert lowest_cosine(np.concatenate(by_card), np.concatenate(by_cpu)) > 0.999


def test_figures_of_a_card_stand_beside_its_limit() -> None:
    """200 images of 10⁹ operations each are a fifth of 10¹²."""
    one = accelerator.Measured("ViT-B-32", "torch-float16")
    for rate in (190.0, 200.0, 230.0):
        one.turns.append({
            "images_per_second": {"pixels": rate}, "peak_mb": {"pixels": 900.0},
            "lowest_cosine": {"decoded": rate / 1000}, "problems": {"JPEG": "no nvJPEG"},
            "giga_operations": 1.0,
        })  # fmt: skip
    failed = accelerator.Measured("ViT-B-32", "torch-compiled", problem="no triton")
    pixels, jpeg, problem = accelerator.rows([one, failed], {"float16": 1000.0})
    assert pixels[2:6] == ["pixels", "200.0 (190.0–230.0)", "20%", "900 (900–900)"]
    assert jpeg[2:] == ["JPEG", "–", "–", "–", "no nvJPEG"]
    assert problem[-1] == "no triton"
    assert accelerator.cosines([one]) == [["ViT-B-32", "torch-float16", "decoded", "0.19000"]]


def test_without_a_card_the_benchmark_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["accelerator"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        accelerator.main()
    assert ended.value.code == 2
    assert "is missing" in capsys.readouterr().err


def test_vectors_are_kept_and_are_of_unit_length(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    vectors.prepare(tmp_path / "some", 40, 10, tmp_path / "rows.npy")
    kept, asked = (np.load(tmp_path / "some" / f"{name}.npy") for name in ("vectors", "queries"))
    assert (kept.dtype, kept.shape, asked.dtype) == (np.float16, (40, 8), np.float32)
    assert np.allclose(asked, rows[40:] / np.linalg.norm(rows[40:], axis=1, keepdims=True))
    with pytest.raises(ValueError, match="expected at least 51 rows: 40 vectors and 11 queries"):
        vectors.prepare(tmp_path / "more", 40, 11, tmp_path / "rows.npy")


def test_search_is_judged_by_scores_and_ways_that_fail_stay_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second of 40 vectors is there twice, so that an answer may name either."""
    rows = np.random.default_rng(3).normal(size=(20, 8)).repeat(2, axis=0)
    np.save(tmp_path / "rows.npy", np.concatenate([rows, rows[:6]]))
    folder = tmp_path / "built"
    vectors.prepare(folder, 40, 6, tmp_path / "rows.npy")
    monkeypatch.setattr(search, "PAUSE", 0)
    ways = all_ways(tmp_path / "nowhere", 40)
    said: list[str] = []
    search.build(ways, folder, said.append)
    assert "faiss-flat: not installed: faiss" in said
    numpy, exact, cells, *theirs = search.ask(ways, folder)
    assert [one.name for one in (numpy, exact)] == ["NumPy", "mmembed, exact (chosen)"]
    for one in (numpy, exact, cells):
        assert set(one.recalls) == {1.0}
        assert (len(one.ms), min(one.ms) > 0, one.open_s > 0) == (6, True, True)
    assert [one.reason for one in theirs] == ["not built", "not built"]
    table = search.rows([numpy, theirs[0]])
    assert table[0][8] == "1.0000"
    assert table[1][2] == "not timed: not built"
    judge = search.Judge(folder)
    judge.tenth[0] = float(np.sort(judge.scores(0, range(40)))[-10])
    best = np.argsort(-judge.scores(0, range(40)))[:10].tolist()
    assert judge.recall(0, best) == 1.0
    assert judge.recall(0, [best[0]] * 10) == 0.1, "the same one twice is found once"
    assert judge.recall(0, best[:5] + [-1] * 5) == 0.5


def test_servers_are_compared_within_each_turn() -> None:
    def one(server: str, rates: tuple[float, ...], p50: tuple[float, ...]) -> over_http.Loaded:
        some = Repeated(rates), Repeated(p50), Repeated(p50)
        return over_http.Loaded("search", 8, server, *some)

    found = [
        one(over_http.OURS, (100.0, 60.0), (5.0, 10.0)),
        one(over_http.PLAIN, (10.0, 3.0), (50.0, 200.0)),
    ]
    ours = over_http.shown(found).splitlines()[2]
    assert "15.0 (10.0–20.0) | 15.0 (10.0–20.0)" in ours


def test_a_server_that_ends_is_told_of() -> None:
    ending = over_http.served([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RunFailed, match="ended with status 3"), ending:
        pass
