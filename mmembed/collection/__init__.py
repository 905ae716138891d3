"""The one composition of all rooms below: a request is one call into a Collection."""
