"""Settings of Ray on a busy machine."""

from __future__ import annotations

PATIENT = {
    "RAY_worker_register_timeout_seconds": "240",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_health_check_failure_threshold": "20",
}
"""In the environment of its processes."""
