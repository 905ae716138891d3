"""Places workers of an indexing on the machines of a cluster. Owns ray."""
