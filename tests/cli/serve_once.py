"""`python -m tests.cli.serve_once serve …`: a real server that is ended by SIGTERM once it has
answered a search. Prints the number of hits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

from tests.s3_server import free_port

PATIENCE_S = 600
"""The first start measures the engines of the model."""


def main(arguments: list[str]) -> None:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "mmembed", *arguments, "--port", str(port)])
    try:
        until = time.monotonic() + PATIENCE_S
        while not is_ready(port):
            assert server.poll() is None, "it ended"
            assert time.monotonic() < until, "it does not become ready"
            time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/search?q=red", timeout=60) as got:
            sys.stdout.write(f"{len(json.load(got)['hits'])}\n")
    finally:
        server.terminate()
        server.wait(60)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=30) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
