"""The store: rows and vectors (`sqlite/`), and the views that search them (`vectors/`)."""
