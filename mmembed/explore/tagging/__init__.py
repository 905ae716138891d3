"""Tags pictures by labels, and finds tags that look wrong.

sure_labels → tag_pictures → thresholds      pictures × labels → tags
logistic → label_errors → check_tags          said tags × embeddings → doubtful tags
"""
