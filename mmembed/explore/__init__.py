<<<<<<< HEAD
"""What a collection holds as a whole: tags, duplicates, clusters, a map."""
=======
"""Shows what a collection holds: duplicates."""
>>>>>>> main
