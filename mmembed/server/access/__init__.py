"""Keys, sessions, and the proof of a server's identity."""
