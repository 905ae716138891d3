"""`python -m tests.fake_mmembed`: the command line over the fake encoder, without torch.

SECONDS_A_BATCH in the environment makes the encoder slow; LINE_S is the time between two lines
of progress. The encoder hangs at texts with «hang», and as a model of the name «hanging» it is
never loaded. GRACE_S and LAST_S are what `serve` gives to requests and to all the rest when it
ends. With ENDLESS_FILTERS, no filter ever ends. BUSY_PER_S refusals a second are overload.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from mmembed.cli import bar, main, serve, shutdown
from mmembed.collection.collection import Collection
from mmembed.eval import Bench
from mmembed.models import registry
from tests.endless_filters import make_endless
from tests.fake_encoder import FakeEncoder


class SlowEncoder(FakeEncoder):
    def embed_preprocessed(self, pixels: Any) -> Any:
        time.sleep(float(os.environ.get("SECONDS_A_BATCH", "0")))
        return super().embed_preprocessed(pixels)

    def embed_texts(self, texts: Any) -> Any:
        if any("hang" in text for text in texts):
            threading.Event().wait()
        return super().embed_texts(texts)


def load(name: str) -> SlowEncoder:
    if name == "hanging":
        threading.Event().wait()
    return SlowEncoder(name)


def prepare() -> None:
    """Have commands of this process run over the fake encoder, as the environment says."""
    bar.LINE_S = float(os.environ.get("LINE_S", bar.LINE_S))
    if "GRACE_S" in os.environ:
        serve.GRACE_S = int(os.environ["GRACE_S"])
        shutdown.LAST_S = float(os.environ["LAST_S"])
        registry.CLOSING_S = 1.0  # type: ignore[attr-defined]
    if "ENDLESS_FILTERS" in os.environ:
        make_endless(setattr)
    if "BUSY_PER_S" in os.environ:
        from mmembed.server.listener import overload

        overload.BUSY_PER_S, overload.FEW = int(os.environ["BUSY_PER_S"]), 1
    Collection.__init__.__defaults__ = (load, None)  # of its parameters `load` and `store`
    Bench.__init__.__defaults__ = (True, SlowEncoder)  # of its fields `cached` and `load`


if __name__ == "__main__":
    prepare()
    sys.exit(main())
