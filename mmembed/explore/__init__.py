"""Shows what a collection holds: tags, duplicates, a map, clusters; and compares inputs."""
