"""What is kept, and how it is found again.

protocol, item_protocol, entries, where: what every store does, and in which terms
embedded: the store in one folder = sqlite/ (rows and vectors) + index_sync and vectors/
          (views that search them) + blobs (uploads, thumbnail_cache, leftovers)
"""
