"""Long work in the background of a server: its registry, shared by all servers of a store."""
