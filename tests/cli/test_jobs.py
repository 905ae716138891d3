"""`mmembed jobs`: the work of servers, by a running server or from the store."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from mmembed.cli import jobs as command
from mmembed.cli.jobs_report import described, row
from mmembed.collection.collection import Collection
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.server.job_shapes import EXAMPLE
from mmembed.types import Failure
from tests.cli.processes import fake
from tests.cli.services import Ask
from tests.serving import FAKE, PATIENCE_S, Process, eventually, open_collection

Json = dict[str, Any]


@contextmanager
def held(folder: Path) -> Iterator[tuple[Collection, str, threading.Event]]:
    """A collection of another process, so to say, with a job that goes on until the event."""
    gate = threading.Event()

    def work(job: RunningJob) -> bytes:
        job.phase("counting", 0)
        while not gate.wait(0.01):
            job.progress(30, 120, 1)
        job.fail_some([Failure("a.jpg", "ImageError", "a.jpg: \x1b[31mno picture")], 1)
        return b'{"counted": 120}'

    with open_collection(folder) as collection:
        job_id = collection.begin_job("count", work).id
        eventually(lambda: collection.job(job_id).done == 30)
        yield collection, job_id, gate
        gate.set()


@pytest.mark.slow
def test_list_show_follow_and_cancel(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.collection.jobs.live_jobs.BEAT_S", 0.05)
    monkeypatch.setattr(command, "PACE_S", 0.05)

    def jobs(*arguments: str) -> tuple[int, str, str]:
        return ask("jobs", *arguments, "--data", str(folder))

    def listed() -> list[Json]:
        found: list[Json] = json.loads(jobs("--json")[1])["jobs"]
        return found

    assert jobs()[:2] == (0, f"{command.NONE}\n")
    assert jobs("follow")[0] == 1
    with held(folder) as (collection, job_id, gate):
        eventually(lambda: listed()[0]["done"] == 30)
        code, out, _ = jobs()
        assert (code, out.split()[:3]) == (0, ["id", "kind", "state"])
        assert job_id in out
        assert "30 of 120" in out
        assert "counting; 1 failed" in out
        threading.Timer(0.3, gate.set).start()
        code, out, _ = jobs("follow", job_id)
        assert code == 0
        assert "state     done" in out
        assert 'result    {"counted": 120}' in out
        assert "failure   a.jpg: \\x1b[31mno picture" in out
        assert json.loads(jobs("show", "--json")[1])["result"] == {"counted": 120}
        assert jobs("cancel", job_id)[:2] == (0, f"{job_id}: done\n")
        gate.clear()
        second = collection.begin_job("count", lambda job: held_up(job, gate)).id
        eventually(lambda: listed()[0]["state"] == "running")
        assert jobs("cancel", second)[:2] == (0, f"{second}: cancelling\n")
        code, out, _ = jobs("follow", "--json")
        assert (code, json.loads(out)["state"]) == (1, "cancelled")
    code, _, errors = jobs("show", "0" * 20)
    assert (code, "the last 100 are kept" in errors) == (1, True)
    assert jobs("show", "../x")[0] == 2


def held_up(job: RunningJob, gate: threading.Event) -> bytes:
    while not gate.wait(0.01):
        job.progress(1, 2, 0)
    return b"1"


def test_what_people_see() -> None:
    failed: Json = {
        **EXAMPLE,
        **{"state": "failed", "ended": EXAMPLE["begun"], "failed": 3, "rate": None, "eta_s": None},
        **{"error": {"message": "no\nroom"}, "failures": [{"message": "a"}], "result": None},
    }
    running = {**EXAMPLE, "eta_s": 3725.0, "cancelling": True}
    assert row(running)[:3] == (EXAMPLE["id"], "duplicates", "cancelling")
    assert row(running)[4:] == ("40,000 of 100,000", "1 h 2 min", "comparing")
    assert "progress  40,000 of 100,000, 8,000.0 a second, 1 h 2 min left" in [*described(running)]
    assert row(failed)[-1] == "no\nroom; 3 failed"
    assert [*described(failed)][-3:] == [
        "error     no\\nroom",
        "failure   a",
        "          and 2 more failures",
    ]
    large = {**EXAMPLE, "state": "done", "result": "x" * 501}
    assert "result    503 characters of JSON, which --json prints" in [*described(large)]


@pytest.mark.slow
def test_a_running_server_is_asked_and_its_death_is_told(data: Path) -> None:
    """Its own jobs are known to the second; of a killed one the store tells."""
    sent = {"labels": ["red", "hang"], "label_set": "x", "background": True}
    with Process(FAKE, "--data", str(data)) as server:
        begun = post(server, "/v1/tags/automatic", sent)
        eventually(lambda: shown(data, begun["id"])["state"] == "running")
        cancelled = fake("jobs", "cancel", begun["id"], "--data", data)
        assert cancelled.stdout == f"{begun['id']}: cancelling\n"
        eventually(lambda: shown(data, begun["id"])["ended"] is not None)
        again = post(server, "/v1/tags/automatic", sent)
        eventually(lambda: shown(data, again["id"])["state"] == "running")
        threading.Timer(0.5, server.child.kill).start()
        followed = fake("jobs", "follow", again["id"], "--data", data, "--json")
    assert followed.returncode == 1
    assert json.loads(followed.stdout)["error"]["message"].startswith("its server ended")


def post(server: Process, path: str, sent: Json) -> Json:
    answer = httpx.post(f"{server.address}{path}", json=sent, timeout=PATIENCE_S)
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    return found


def shown(data: Path, job_id: str) -> Json:
    found: Json = json.loads(fake("jobs", "show", job_id, "--data", data, "--json").stdout)
    return found
