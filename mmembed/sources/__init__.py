"""Place → entries and bytes, for pictures that are no files of their own on this machine.

    web_pictures   https://host/a.jpg, by mmembed.fetch
    objects        s3://bucket/a.jpg, by mmembed.store.object_store
    tars           members of a tar, which may lie in either

`sources` unites them. Files of the machine are read by mmembed.media.
"""
