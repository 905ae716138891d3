"""Keys, sessions, and the proof of which server answers."""
