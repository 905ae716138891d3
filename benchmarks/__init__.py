"""mmembed beside other projects, in one run on this machine.

    pictures ┐
    weights  ┴→ ways → processes → measurement → report        (end to end, and the real peers)
    gemm → towers ──────────────────↗                          (engine only, beside the limit)
    growth → queries ───────────────↗                          (as a collection grows)

`python -m benchmarks --help`; README.md here says what every row means.
"""
