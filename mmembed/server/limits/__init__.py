"""How much a caller, a request and all of them together may take."""
