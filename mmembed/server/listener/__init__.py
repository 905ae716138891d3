"""Connections: accepted, bounded, and closed in time."""
