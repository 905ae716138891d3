"""Shows what a collection holds: a map, clusters and outliers; and compares single inputs."""
