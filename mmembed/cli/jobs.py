"""`mmembed jobs`"""

from __future__ import annotations

import argparse
import time
from typing import Any

from mmembed.cli.bar import Bar
from mmembed.cli.jobs_report import described, row
from mmembed.cli.known_jobs import Json, KnownJobs
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_action
from mmembed.cli.table import plain, print_json, table
from mmembed.config.settings import Settings
from mmembed.errors import InputError, NotFound

DESCRIPTION = """\
List the work that servers do in the background, follow it and cancel it. Requests with
"background": true begin such jobs, and so do POST /v1/map and POST /v1/jobs.

  mmembed jobs                              those that wait and run, and the last 100 that ended
  mmembed jobs show                         the newest one: progress, failures, error, result
  mmembed jobs follow                       its progress, with rate and time left, until it ends
  mmembed jobs follow 019f0c2d4e5fa1b2c3d4
  mmembed jobs cancel 019f0c2d4e5fa1b2c3d4

Each has a --help of its own. Jobs of all servers of a database are listed.
"""
SHOW = """\
Show a job: progress, the first 20 failures, error and result. --json has the whole result.

  mmembed jobs show                          the newest one
  mmembed jobs show 019f0c2d4e5fa1b2c3d4
"""
FOLLOW = """\
Show the progress of a job until it ends, and then the job. Ctrl-C ends the command alone: the job
goes on.

  mmembed jobs follow                        the newest one
  mmembed jobs follow 019f0c2d4e5fa1b2c3d4
  mmembed jobs follow --json                 without progress: the whole job, once it has ended

Exit codes: 0 done; 1 failed or cancelled; 2 wrong use; 130 interrupted.
"""
CANCEL = """\
Have a job end. Its server heeds that within 3 seconds, at the next step of the work. A cancelled
indexing keeps the pictures that were done, and the same request goes on from there.

  mmembed jobs cancel 019f0c2d4e5fa1b2c3d4
"""
PACE_S = 0.5
"""Seconds between two looks at a job that is followed."""
NONE = 'there is no job; requests with "background": true begin some'


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")
    actions: Any = command.add_subparsers(title="actions", metavar="ACTION", dest="action")
    listing = add_action(actions, "list", "list the jobs, as no action does", "List the jobs.")
    show = add_action(actions, "show", "show a job with its result", SHOW)
    follow = add_action(actions, "follow", "show the progress of a job until it ends", FOLLOW)
    cancel = add_action(actions, "cancel", "have a job end", CANCEL)
    for one in (show, follow):
        one.add_argument(
            "id",
            metavar="ID",
            nargs="?",
            help="of the job; by default the newest, of those that run if any does",
        )
    cancel.add_argument("id", metavar="ID", help="of the job")
    for one in (listing, show, follow, cancel):
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """List, show, follow or cancel."""
    given = getattr(arguments, "id", None)
    if given is not None and not given.isalnum():
        raise InputError(f"{given}: no id of a job; `mmembed jobs` lists them")
    check_exists(settings)
    with KnownJobs(settings) as jobs:
        if arguments.action in (None, "list"):
            return _list(jobs, as_json=arguments.json)
        return _ACTIONS[arguments.action](jobs, given or _newest(jobs), arguments.json)


def _newest(jobs: KnownJobs) -> str:
    """The id of the newest job that has not ended, else of the newest."""
    known = jobs.all()
    if not known:
        raise NotFound(NONE)
    return str(next((job for job in known if job["ended"] is None), known[0])["id"])


def _list(jobs: KnownJobs, *, as_json: bool) -> int:
    known = jobs.all()
    if as_json:
        print_json({"jobs": known})
        return 0
    if not known:
        print(NONE)
    for line in table(("id", "kind", "state", "begun", "done", "left", "what"), map(row, known)):
        print(line)
    return 0


def _show(jobs: KnownJobs, job_id: str, as_json: bool) -> int:
    _print(jobs.whole(job_id), as_json)
    return 0


def _follow(jobs: KnownJobs, job_id: str, as_json: bool) -> int:
    job = jobs.find(job_id)
    while job["ended"] is None:
        job = _follow_phase(jobs, job, as_json)
    _print(jobs.whole(job_id), as_json)
    return 0 if job["state"] == "done" else 1


def _follow_phase(jobs: KnownJobs, job: Json, as_json: bool) -> Json:
    """The job as it is once its present phase is over."""
    phase = _named(job)
    if as_json:
        time.sleep(PACE_S)
        return jobs.find(job["id"])
    with Bar(phase, opening="") as bar:
        while job["ended"] is None and _named(job) == phase:
            if job["total"]:
                bar.update(job["done"], job["total"], job["failed"])
            else:
                bar.phase(phase, job["done"])
            time.sleep(PACE_S)
            job = jobs.find(job["id"])
    return job


def _named(job: Json) -> str:
    phase = f"{job['kind']}: {job['phase']}" if job["phase"] else f"{job['kind']}: {job['state']}"
    return plain(f"{phase}, cancelling" if job["cancelling"] else phase)


def _cancel(jobs: KnownJobs, job_id: str, as_json: bool) -> int:
    job = jobs.cancel(job_id)
    if as_json:
        print_json(job)
    else:
        print(f"{job_id}: {'cancelling' if job['cancelling'] else job['state']}")
    return 0


def _print(job: Json, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    for line in described(job):
        print(line)


_ACTIONS = {"show": _show, "follow": _follow, "cancel": _cancel}
