"""Groups pictures that look alike, and names the groups."""
