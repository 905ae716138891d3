"""Ends with 0 if the server of this container can answer searches: Docker has no request of its
own."""

import os
import sys
from urllib.request import ProxyHandler, build_opener

PORT = os.environ.get("MMEMBED_PORT", "8000")
SECONDS = 13

try:
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{PORT}/ready", timeout=SECONDS):
        sys.exit(0)
except OSError as error:
    sys.exit(f"not ready: {error}")
