"""Texts of several languages and lengths."""

from __future__ import annotations

TEXTS = ["a dog", "two children run across a wet beach while a dog watches", "", "naïve 😀"]
