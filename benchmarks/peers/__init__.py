"""Real peers. Each module runs in the peer's own environment, as `python -m benchmarks.peers.NAME
WEIGHTS PICTURES OUT`, and imports nothing of this package but `job`."""
