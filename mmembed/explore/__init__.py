"""What a collection holds as a whole: tags, duplicates, clusters, a map."""
