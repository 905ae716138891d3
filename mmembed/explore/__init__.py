"""Shows what a collection holds: duplicates."""
