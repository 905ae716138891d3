"""PostgreSQL with pgvector: a collection that many machines share. Owns psycopg, which most people
do not have: nothing is imported here.

database_errors, halfvec, standby → connections → open_database → statements → item_queries.
item_queries → fields, vector_queries. item_tables, vector_tables, word_tables → schema.
filter_sql, rows → said_words, write_vectors → write_images, word_rows → write_files → write_items.
nearest → graphs → search. word_queries, integrity, search, write_items → postgres_store.
"""
