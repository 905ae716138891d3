"""Bytes of an image file → an upright sRGB picture; thumbnails and uploaded files. Owns Pillow."""
