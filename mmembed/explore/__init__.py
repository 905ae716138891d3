"""What a collection holds as a whole: duplicates."""
