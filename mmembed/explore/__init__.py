"""Shows what a collection holds: duplicates, a map, clusters, outliers; and compares inputs."""
