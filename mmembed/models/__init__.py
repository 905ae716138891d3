"""What embeds: encoders, batches of requests, models that are loaded on demand, caches."""
