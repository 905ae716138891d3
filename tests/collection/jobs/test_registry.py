"""Jobs of one process: in turn, cancelled at any moment, and ended with their server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from mmembed.collection.jobs import registry
from mmembed.collection.jobs.job import SERVER_ENDED, Job
from mmembed.collection.jobs.job_records import KEPT_S, LEASE_S, MOST_KEPT, JobRecords
from mmembed.collection.jobs.live_jobs import LARGEST_RESULT, MOST_UNWRITTEN, MOST_WAITING
from mmembed.collection.jobs.registry import JobRegistry
from mmembed.collection.jobs.running_job import RunningJob
from mmembed.errors import NotFound, Overloaded, QueryError, StoreAway, StoreFull
from mmembed.store.protocol import Store
from mmembed.store.record_protocol import JOB_CANCELLATIONS, JOB_RESULTS, JOBS
from mmembed.types import Failure
from tests.contracts.memory_store import MemoryStore
from tests.serving import PATIENCE_S, eventually


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(MemoryStore(tmp_path)) as store:
        yield store


@pytest.fixture
def jobs(store: Store) -> Iterator[JobRegistry]:
    registry = JobRegistry(store)
    yield registry
    registry.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Until it is open, the jobs of `held` go on."""
    gate = threading.Event()
    yield gate
    gate.set()


def held(gate: threading.Event) -> Callable[[RunningJob], bytes]:
    """Work that tells its progress until the gate is open."""

    def work(job: RunningJob) -> bytes:
        for done in range(10**9):
            job.progress(done, 10**9, 0)
            if gate.wait(0.005):
                break
        return b'{"done": true}'

    return work


def ended(jobs: JobRegistry, job_id: str) -> Job:
    eventually(lambda: jobs.find(job_id).is_ended)
    return jobs.find(job_id)


def running(jobs: JobRegistry, job_id: str) -> None:
    eventually(lambda: jobs.find(job_id).state == "running")


def test_a_job_leaves_its_result_in_the_store(jobs: JobRegistry, store: Store) -> None:
    def work(job: RunningJob) -> bytes:
        job.phase("counting", 0)
        job.progress(3, 3, 1)
        job.fail_some([Failure("a.jpg", "ImageError", "x" * 999)] * 50, 50)
        return b'{"count": 3}'

    begun = jobs.begin("count", work)
    job = ended(jobs, begun.id)
    assert (job.state, job.kind, job.phase, job.done, job.total) == (
        "done",
        "count",
        "counting",
        3,
        3,
    )
    assert (job.failed, len(job.failures), len(job.failures[0].message)) == (50, 20, 300)
    assert job.created <= (job.begun or 0) <= (job.ended or 0)
    after = JobRegistry(store)
    eventually(lambda: after.find(begun.id).state == "done")
    assert json.loads(after.result(begun.id) or b"") == {"count": 3}
    with pytest.raises(NotFound, match="there is none"):
        jobs.find("0" * 20)
    with pytest.raises(NotFound):
        jobs.cancel("../../x")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (QueryError("k: too many", param="k"), "QueryError", "k: too many"),
        (ZeroDivisionError("secret"), "InternalError", "the log has it"),
        (SystemExit(3), "InternalError", "the log has it"),
    ],
)
def test_a_job_that_fails_says_why_and_others_go_on(
    jobs: JobRegistry, error: BaseException, code: str, message: str
) -> None:
    def fail(_: RunningJob) -> bytes:
        raise error

    failed, next_one = jobs.begin("a", fail), jobs.begin("a", lambda job: b"1")
    job = ended(jobs, failed.id)
    assert (job.state, job.error and job.error.code) == ("failed", code)
    assert message in (job.error.message if job.error else "")
    assert ended(jobs, next_one.id).state == "done"


def test_one_of_a_kind_runs_at_a_time(jobs: JobRegistry, gate: threading.Event) -> None:
    first, second = jobs.begin("a", held(gate)), jobs.begin("a", held(gate))
    other = jobs.begin("b", held(gate))
    running(jobs, first.id)
    running(jobs, other.id)
    assert jobs.find(second.id).state == "queued"
    assert [job.id for job in jobs.all()] == [other.id, second.id, first.id]
    gate.set()
    assert {ended(jobs, job.id).state for job in (first, second, other)} == {"done"}


def test_waiting_and_running_jobs_are_cancelled(jobs: JobRegistry, gate: threading.Event) -> None:
    first, second = jobs.begin("a", held(gate)), jobs.begin("a", held(gate))
    running(jobs, first.id)
    assert jobs.cancel(second.id).state == "cancelled"
    assert jobs.cancel(first.id).cancelling or jobs.find(first.id).is_ended
    job = ended(jobs, first.id)
    assert (job.state, job.error, job.cancelling) == ("cancelled", None, False)
    assert jobs.cancel(first.id).state == "cancelled"
    assert jobs.result(first.id) is None


def test_jobs_that_were_cancelled_while_they_waited_take_no_room(
    jobs: JobRegistry, store: Store, gate: threading.Event
) -> None:
    first = jobs.begin("a", held(gate))
    running(jobs, first.id)
    for _ in range(MOST_WAITING + 20):
        last = jobs.begin("a", held(gate)).id
        assert jobs.cancel(last).state == "cancelled"
    assert len(jobs._waiting["a"]) == 1
    gate.set()
    assert ended(jobs, first.id).state == "done"
    eventually(lambda: JobRegistry(store).find(last).state == "cancelled")


@pytest.mark.slow
def test_a_job_is_cancelled_at_any_moment(jobs: JobRegistry) -> None:
    """It is done or cancelled, never anything else, and the next one runs."""

    def work(job: RunningJob) -> bytes:
        for done in range(20):
            job.progress(done, 20, 0)
            time.sleep(0.0002)
        return b"1"

    seen = set()
    for number in range(60):
        job = jobs.begin("a", work)
        time.sleep(number * 0.0001)
        jobs.cancel(job.id)
        found = ended(jobs, job.id)
        assert found.error is None
        seen.add(found.state)
    assert seen <= {"done", "cancelled"}
    assert "cancelled" in seen


@pytest.mark.slow
def test_too_many_are_refused_and_old_ones_forgotten(
    jobs: JobRegistry, store: Store, gate: threading.Event
) -> None:
    waiting = [jobs.begin("a", held(gate)) for _ in range(MOST_WAITING)]
    with pytest.raises(Overloaded, match="100 jobs wait or run"):
        jobs.begin("b", held(gate))
    gate.set()
    eventually(lambda: all(job.seen().is_ended for job in waiting))
    for _ in range(30):
        last = jobs.begin("b", lambda job: b"1").id
        ended(jobs, last)
    eventually(lambda: len(jobs.all()) == MOST_KEPT)
    assert jobs.all()[0].id == last
    assert len(store.records(JOB_RESULTS)) == MOST_KEPT
    assert store.records(JOB_CANCELLATIONS) == {}


def test_jobs_of_another_server_are_seen_and_cancelled(
    store: Store, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmembed.collection.jobs.live_jobs.BEAT_S", 0.01)
    one, other = JobRegistry(store), JobRegistry(store)
    job = one.begin("a", held(gate))
    running(other, job.id)
    eventually(lambda: other.find(job.id).done > 0)
    assert not other.cancel(job.id).is_ended
    assert ended(other, job.id).state == ended(one, job.id).state == "cancelled"
    one.close()
    other.close()


def test_jobs_end_with_their_server(store: Store, gate: threading.Event) -> None:
    one, other = JobRegistry(store), JobRegistry(store)
    first, second = one.begin("a", held(gate)), one.begin("a", held(gate))
    running(one, first.id)
    one.close()
    for job_id in (first.id, second.id):
        job = other.find(job_id)
        assert (job.state, job.error) == ("failed", SERVER_ENDED)
    with pytest.raises(Overloaded, match="ending"):
        one.begin("a", held(gate))


def test_work_that_does_not_end_is_given_up(
    store: Store, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CLOSING_S", 0.01)
    one = JobRegistry(store)
    deaf = one.begin("a", lambda job: str(gate.wait(PATIENCE_S)).lower().encode())
    running(one, deaf.id)
    one.close()
    assert JobRegistry(store).find(deaf.id).state == "failed"


def test_jobs_of_a_killed_server_have_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    records = JobRecords(store)
    job = Job(id="0123456789abcdef0000", kind="a", state="running", created=1.0)
    records.put([job])
    assert records.find(job.id).state == "running"
    real = time.time
    monkeypatch.setattr(
        "mmembed.collection.jobs.job_records.time.time", lambda: real() + LEASE_S + 1
    )
    found = records.find(job.id)
    assert (found.state, found.error) == ("failed", SERVER_ENDED)


def test_a_damaged_record_hides_no_other(jobs: JobRegistry, store: Store) -> None:
    store.put_records(JOBS, {"0" * 20: b"{", "1" * 20: b'{"id": 3}', "2" * 20: b"[]"})
    job = jobs.begin("a", lambda job: b"1")
    assert [one.id for one in jobs.all()] == [job.id]


def test_a_result_that_is_too_large_is_not_kept(jobs: JobRegistry) -> None:
    job = ended(jobs, jobs.begin("a", lambda job: b'"%s"' % (b"x" * LARGEST_RESULT)).id)
    assert (job.state, jobs.result(job.id)) == ("done", None)
    assert "more than the 5,000,000" in job.notes[0]


def test_a_full_disk_refuses_new_jobs_and_leaves_the_others_known(
    jobs: JobRegistry, store: Store, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreFull("no room")

    job = jobs.begin("a", held(gate))
    running(jobs, job.id)
    monkeypatch.setattr(store, "put_records", refuse)
    with pytest.raises(StoreFull):
        jobs.begin("b", held(gate))
    gate.set()
    assert ended(jobs, job.id).state == "done"
    assert [one.id for one in jobs.all()] == [job.id]


@pytest.fixture
def refuse(
    jobs: JobRegistry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Iterator[threading.Event]:
    """While it is set, the store takes no records."""
    monkeypatch.setattr("mmembed.collection.jobs.live_jobs.BEAT_S", 0.02)
    refusing, real = threading.Event(), store.put_records

    def put(kind: str, records: Mapping[str, bytes]) -> None:
        if refusing.is_set():
            raise StoreAway("the database is away")
        real(kind, records)

    monkeypatch.setattr(store, "put_records", put)
    yield refusing
    refusing.clear()


def test_ends_are_written_once_the_store_is_back(
    jobs: JobRegistry, store: Store, gate: threading.Event, refuse: threading.Event
) -> None:
    def fail(job: RunningJob) -> bytes:
        held(gate)(job)
        raise StoreAway("the database is away")

    done, failed = jobs.begin("a", held(gate)), jobs.begin("b", fail)
    running(jobs, done.id)
    running(jobs, failed.id)
    refuse.set()
    gate.set()
    assert ended(jobs, done.id).state == "done"
    assert ended(jobs, failed.id).state == "failed"
    assert jobs.result(done.id) == b'{"done": true}'
    other = JobRegistry(store)
    assert not other.find(done.id).is_ended
    refuse.clear()
    assert ended(other, done.id).state == "done"
    assert other.result(done.id) == b'{"done": true}'
    found = ended(other, failed.id)
    assert (found.state, found.error) == (
        "failed",
        Failure("", "StoreAway", "the database is away"),
    )


def test_results_that_wait_for_the_store_are_bounded(
    jobs: JobRegistry, gate: threading.Event, refuse: threading.Event
) -> None:
    def work(job: RunningJob) -> bytes:
        held(gate)(job)
        return b'"%s"' % (b"x" * (LARGEST_RESULT - 2))

    begun = [jobs.begin("a", work) for _ in range(6)]
    refuse.set()
    gate.set()
    kept = [ended(jobs, job.id).notes == () for job in begun]
    assert sum(kept) == MOST_UNWRITTEN // LARGEST_RESULT
    assert [jobs.result(job.id) is not None for job in begun] == kept


def test_a_store_that_was_away_says_nothing_about_servers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, now = JobRecords(store), 1000.0
    monkeypatch.setattr("mmembed.collection.jobs.job_records.time.time", lambda: now)
    job = Job(id="0123456789abcdef0000", kind="a", state="running", created=1.0)
    records.put([job])
    real = store.record

    def away(kind: str, name: str) -> bytes | None:
        raise StoreAway("the database is away")

    monkeypatch.setattr(store, "record", away)
    now += 2 * LEASE_S
    with pytest.raises(StoreAway):
        records.find(job.id)
    monkeypatch.setattr(store, "record", real)
    now += LEASE_S - 1
    assert records.find(job.id).state == "running", "its server could not write a sign of life"
    now += 2
    assert records.find(job.id).state == "failed"
    now += KEPT_S
    assert records.all() == []
    with pytest.raises(NotFound):
        records.find(job.id)


def test_the_rate_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("mmembed.collection.jobs.running_job.time.monotonic", lambda: now)
    seen: list[tuple[float | None, float | None]] = []

    def work(job: RunningJob) -> bytes:
        nonlocal now
        for done in (0, 10, 40, 70):
            job.progress(done, 100, 0)
            seen.append((job.seen().rate, job.seen().eta_s))
            now += 1
        job.phase("another", 0)
        seen.append((job.seen().rate, job.seen().eta_s))
        return b"1"

    RunningJob("a", work).run()
    assert seen == [(None, None), (10, 9.0), (20, 3.0), (70 / 3, 30 / (70 / 3)), (None, None)]
