"""Counts look-ups and connections to other hosts than this one, in all processes of a test run.

    conftest → plugin (this process) → sitecustomize (processes that it starts) → one file

A test during which one is counted fails, and with it the run. What C code does on its own is not
seen here; `strace -f -e trace=connect,sendto,sendmsg,sendmmsg` shows that too.
"""
