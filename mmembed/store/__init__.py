"""What is kept: rows and vectors (`sqlite/`), and the views that search them (`vectors/`)."""
