"""Settings, host names, and the privacy of libraries."""
