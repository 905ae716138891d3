"""From layout 4 to layout 5: records, hashes of pictures, and tags that label sets gave."""

from __future__ import annotations

RECORDS = """
-- Small documents that are no items, such as label sets.
CREATE TABLE records (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (kind, name)
);

-- Perceptual hashes of the pictures of a content. They live as long as an image has the content.
CREATE TABLE image_hashes (
  sha256 TEXT PRIMARY KEY,
  hashes BLOB NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER image_removed AFTER DELETE ON items WHEN old.kind = 'image' BEGIN
  DELETE FROM image_hashes WHERE sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = 'image' AND sha256 = old.sha256);
END;

-- Tags that a label set gave. Each is a row of `tags`, too, which the triggers keep: a tag stays
-- there as long as a source or a label set says it.
CREATE TABLE automatic_tags (
  item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  label_set TEXT NOT NULL,
  score REAL NOT NULL,
  PRIMARY KEY (item_id, tag, label_set)
) WITHOUT ROWID;
CREATE TRIGGER automatic_tag_added AFTER INSERT ON automatic_tags BEGIN
  INSERT INTO tags SELECT new.item_id, new.tag
    WHERE NOT EXISTS (SELECT 1 FROM tags WHERE item_id = new.item_id AND tag = new.tag);
END;
CREATE TRIGGER automatic_tag_removed AFTER DELETE ON automatic_tags BEGIN
  DELETE FROM tags WHERE item_id = old.item_id AND tag = old.tag
    AND NOT EXISTS (SELECT 1 FROM tag_sources WHERE item_id = old.item_id AND tag = old.tag)
    AND NOT EXISTS (SELECT 1 FROM automatic_tags WHERE item_id = old.item_id AND tag = old.tag);
END;

-- Another content is another picture.
CREATE TRIGGER image_replaced AFTER UPDATE OF sha256 ON items
WHEN old.kind = 'image' AND old.sha256 <> new.sha256 BEGIN
  DELETE FROM automatic_tags WHERE item_id = old.id;
  DELETE FROM image_hashes WHERE sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = 'image' AND sha256 = old.sha256);
END;
"""
