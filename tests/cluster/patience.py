"""Settings of Ray on a busy machine, and of a cluster that asks and reports nothing."""

from __future__ import annotations

PATIENT = {
    "RAY_worker_register_timeout_seconds": "240",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_health_check_failure_threshold": "20",
}
"""In the environment of its processes."""

SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9"}
"""As docs/many-machines.md advises for `ray start`."""
BOOTSTRAP = ("ray_bootstrap_config.yaml", "provider: {type: local}\n")
"""A file in the home folder, and its content; from the same advice."""
