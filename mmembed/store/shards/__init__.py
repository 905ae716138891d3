"""One collection in several PostgreSQL databases, the shards: asked at once, merged exactly.

rendezvous, numbers, together, partial → shard → doors → asked_shards → sharded_items,
sharded_vectors, sharded_records, sharded_search, sharded_words → sharded_writer → sharded_store.
"""
