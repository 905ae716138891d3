"""Address → bytes, from public hosts alone."""
