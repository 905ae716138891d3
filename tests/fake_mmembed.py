"""`python -m tests.fake_mmembed`: the command line over the fake encoder, without torch.

SECONDS_A_BATCH in the environment makes the encoder slow; LINE_S is the time between two lines
of progress.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from mmembed.cli import bar, main
from mmembed.collection import Collection
from mmembed.eval import Bench
from tests.fake_encoder import FakeEncoder

SECONDS_A_BATCH = float(os.environ.get("SECONDS_A_BATCH", "0"))


class SlowEncoder(FakeEncoder):
    def embed_preprocessed(self, pixels: Any) -> Any:
        time.sleep(SECONDS_A_BATCH)
        return super().embed_preprocessed(pixels)


if __name__ == "__main__":
    bar.LINE_S = float(os.environ.get("LINE_S", bar.LINE_S))
    Collection.__init__.__defaults__ = (SlowEncoder,)  # of its parameter `load`
    Bench.__init__.__defaults__ = (True, SlowEncoder)  # of its fields `cached` and `load`
    sys.exit(main())
