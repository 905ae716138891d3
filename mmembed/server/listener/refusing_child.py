"""Starts and ends the refusing process."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from mmembed.server.listener.channel import Channel
from mmembed.server.listener.shared_counts import BYTES, Count, shared_counts

# Signals of a terminal go to a group of processes, and are the server's alone. A session of its own
# would keep them off, too; but Linux gives each session an equal share of the processors.
# Modules are found where this process finds them, not in the current folder, whose files may have
# any name.
PROGRAM = (
    "import os, sys; os.setpgid(0, 0); sys.path[:] = sys.argv[4:]; "
    "from mmembed.server.listener.refusing_process import main; main(*map(int, sys.argv[1:4]))"
)
START_S = 20.0
"""Seconds for the process to become ready, however busy the machine is."""
POLL_S = 0.01
PATIENCE_S = 2.0
"""Seconds for the process to end by itself."""
CAN_REFUSE = all(
    hasattr(module, name)
    for module, name in ((select, "epoll"), (os, "memfd_create"), (socket, "SCM_RIGHTS"))
)
"""Whether the system has what the process needs. Linux has; elsewhere the server itself refuses."""


@dataclass(frozen=True)
class RefusingChild:
    """The running process, as the server sees it."""

    process: subprocess.Popen[bytes]
    channel: Channel
    counts: memoryview
    """Numbers that both share."""

    @classmethod
    def start(cls, listener: socket.socket) -> RefusingChild:
        """Start it, and wait until it is ready, some 50 ms. Raises OSError.

        listener: the server's; it may be closed afterwards."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("mmembed-refusals")
        try:
            os.ftruncate(memory, BYTES)
            files = (listener.fileno(), theirs.fileno(), memory)
            command = [sys.executable, "-c", PROGRAM, *map(str, files), *sys.path]
            nothing = subprocess.DEVNULL
            process = subprocess.Popen(command, stdin=nothing, stdout=nothing, pass_fds=files)
            child = cls(process, Channel(ours), shared_counts(memory))
            child._wait_until_ready()
            return child
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(memory)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while not self.counts[Count.TURNS]:
            if time.monotonic() > until or self.process.poll() is not None:
                raise OSError(f"it did not become ready; exit code {self.end()}")
            time.sleep(POLL_S)

    def end(self) -> int:
        """Close the channel, which ends the process; one that hangs is killed. Returns its exit
        code."""
        self.channel.close()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
