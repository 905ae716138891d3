"""An S3 server on this machine for tests, started at the first need; moto keeps it in memory."""

from __future__ import annotations

import atexit
import importlib.util
import os
import socket
import subprocess
import sys
import time
import uuid
from contextlib import closing
from functools import cache

from tests.real_servers import missing

START_S = 60.0


def s3_address() -> str:
    """An address in a bucket that no other test uses. Skips the test where there is no server."""
    bucket = f"test-{uuid.uuid4().hex[:20]}"
    _started()
    import s3fs

    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/photos"


@cache
def _started() -> None:
    for library in ("moto", "flask", "s3fs"):
        if importlib.util.find_spec(library) is None:
            missing(f"no S3 server: {library} is not installed")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(_stop, process)
    until = time.monotonic() + START_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            missing("the S3 server does not start here")
        time.sleep(0.05)
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key-of-tests",
        "AWS_SECRET_ACCESS_KEY": "secret-of-tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that no program listens on at the moment."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
