"""Limits on a caller, on a request, and on all of them together."""
