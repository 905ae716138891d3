"""A bank of generic texts: how near a picture is to any text corrects searches by words."""
