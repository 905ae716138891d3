"""`python -m mmembed` is `mmembed`."""

from mmembed.cli import program

program()
