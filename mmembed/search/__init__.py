"""Weighted terms → one query embedding; ranked vectors → pages of items."""
