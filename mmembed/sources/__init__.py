"""Place → entries and bytes, for pictures that are no files of their own on this machine.

    objects   s3://bucket/a.jpg, by mmembed.store.object_store
    tars      members of a tar, which is a file or an object
    sources   both of them, and https://host/a.jpg by mmembed.fetch

Files of the machine are read by mmembed.media.
"""
