"""The tables of records, hashes of pictures and automatic tags, as layout 3 brings them."""

from __future__ import annotations

RECORDS = """
-- Small documents that are no items, such as label sets.
CREATE TABLE records (
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  content bytea NOT NULL,
  PRIMARY KEY (kind, name)
);

-- Perceptual hashes of the pictures of a content. They live as long as an image has the content.
CREATE TABLE image_hashes (
  sha256 text COLLATE "C" PRIMARY KEY,
  hashes bytea NOT NULL
);

-- Tags that a label set gave. Each is a row of `tags`, too, which the triggers keep: a tag stays
-- there as long as a source or a label set says it.
CREATE TABLE automatic_tags (
  item_id bigint NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  tag text COLLATE "C" NOT NULL,
  label_set text COLLATE "C" NOT NULL,
  score double precision NOT NULL,
  PRIMARY KEY (item_id, tag, label_set)
);
CREATE FUNCTION automatic_tags_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO tags SELECT DISTINCT item_id, tag FROM added ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER automatic_tags_added AFTER INSERT ON automatic_tags
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION automatic_tags_added();
CREATE FUNCTION automatic_tags_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM tags USING (SELECT DISTINCT item_id, tag FROM removed) AS gone
    WHERE tags.item_id = gone.item_id AND tags.tag = gone.tag
    AND NOT EXISTS (SELECT 1 FROM tag_sources AS said
      WHERE said.item_id = gone.item_id AND said.tag = gone.tag)
    AND NOT EXISTS (SELECT 1 FROM automatic_tags AS other
      WHERE other.item_id = gone.item_id AND other.tag = gone.tag);
  RETURN NULL;
END $$;
CREATE TRIGGER automatic_tags_removed AFTER DELETE ON automatic_tags
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION automatic_tags_removed();

CREATE FUNCTION images_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM image_hashes USING (
      SELECT DISTINCT sha256 FROM removed WHERE kind = 'image') AS gone
    WHERE image_hashes.sha256 = gone.sha256 AND NOT EXISTS (
      SELECT 1 FROM items WHERE items.sha256 = gone.sha256 AND items.kind = 'image');
  RETURN NULL;
END $$;
CREATE TRIGGER images_removed AFTER DELETE ON items REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION images_removed();
-- Another content is another picture.
CREATE FUNCTION image_replaced() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM automatic_tags WHERE item_id = old.id;
  DELETE FROM image_hashes WHERE sha256 = old.sha256 AND NOT EXISTS (
    SELECT 1 FROM items WHERE items.sha256 = old.sha256 AND items.kind = 'image');
  RETURN NULL;
END $$;
CREATE TRIGGER image_replaced AFTER UPDATE OF sha256 ON items FOR EACH ROW
  WHEN (old.kind = 'image' AND old.sha256 IS DISTINCT FROM new.sha256)
  EXECUTE FUNCTION image_replaced();
"""
