"""Encoders, batches of requests, models that are loaded on demand, and caches of embeddings."""
