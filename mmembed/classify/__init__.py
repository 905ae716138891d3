"""Labels and prompt templates × images → probabilities."""
