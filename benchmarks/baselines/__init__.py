"""What one writes by hand around open_clip: the ways that mmembed must beat."""
