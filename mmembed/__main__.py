"""`python -m mmembed` is `mmembed`."""

import sys

from mmembed.cli import main

sys.exit(main())
