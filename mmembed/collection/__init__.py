"""Composes all packages below: a request is one call into a Collection."""
