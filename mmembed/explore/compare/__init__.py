"""Compares texts and pictures with each other, by their embeddings and by their words."""
