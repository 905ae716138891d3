"""Shows what a collection holds: tags, duplicates."""
