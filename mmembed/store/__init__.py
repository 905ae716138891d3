"""Stores and searches items and vectors.

protocol, item_protocol, entries, where: the interface of every store, and its terms.
folder_store: the store in one folder, composed of sqlite/ (rows and vectors), index_sync and
vectors/ (views that search them), and blobs (uploads, thumbnail_cache, orphan_files).
words: tokens, stems and ranking of words, for all stores.
"""
