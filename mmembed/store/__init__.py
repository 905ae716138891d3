"""Stores and searches items and vectors.

protocol, item_protocol, entries, where: the interface of every store, and its terms embedded: the
store in one folder = sqlite/ (rows and vectors) + index_sync and vectors/
          (views that search them) + blobs (uploads, thumbnail_cache, leftovers)
"""
