"""From layout 3 to layout 4: a content may have several vectors, one for each of its chunks."""

from __future__ import annotations

UNCUT = "uncut_captions"
"""In meta: captions up to this id may be longer than the model reads at once, and have one vector.
Absent where there are none such."""

CHUNKS = f"""
DROP TRIGGER item_deleted;
DROP TRIGGER item_changed;
DROP TRIGGER content_forgotten;
DROP TRIGGER content_revectored;

-- The vectors of a content by each model: one of the whole, or one for each chunk of a long
-- caption.
-- Many contents may share one vector.
CREATE TABLE chunked_vectors (
  kind TEXT NOT NULL CHECK (kind IN ('image', 'caption')),
  sha256 TEXT NOT NULL,
  model_id INTEGER NOT NULL REFERENCES models (id),
  start INTEGER NOT NULL DEFAULT 0,  -- the chunk's first character
  stop INTEGER,                      -- the character after its last; NULL of a whole content
  vector_id INTEGER NOT NULL REFERENCES vectors (id),
  PRIMARY KEY (kind, sha256, model_id, start)
) WITHOUT ROWID;
INSERT INTO chunked_vectors (kind, sha256, model_id, vector_id)
  SELECT kind, sha256, model_id, vector_id FROM content_vectors ORDER BY kind, sha256, model_id;
DROP TABLE content_vectors;
ALTER TABLE chunked_vectors RENAME TO content_vectors;
CREATE INDEX content_vectors_vector ON content_vectors (vector_id);

-- The vectors of a content live as long as an item has the content.
CREATE TRIGGER item_deleted AFTER DELETE ON items BEGIN
  DELETE FROM content_vectors WHERE kind = old.kind AND sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = old.kind AND sha256 = old.sha256);
END;
CREATE TRIGGER item_changed AFTER UPDATE OF sha256 ON items
WHEN old.sha256 <> new.sha256 BEGIN
  DELETE FROM content_vectors WHERE kind = old.kind AND sha256 = old.sha256
    AND NOT EXISTS (SELECT 1 FROM items WHERE kind = old.kind AND sha256 = old.sha256);
END;

-- A vector lives as long as a content points to it.
CREATE TRIGGER content_forgotten AFTER DELETE ON content_vectors BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM content_vectors WHERE vector_id = old.vector_id);
END;
CREATE TRIGGER content_revectored AFTER UPDATE OF vector_id ON content_vectors
WHEN old.vector_id <> new.vector_id BEGIN
  DELETE FROM vectors WHERE id = old.vector_id
    AND NOT EXISTS (SELECT 1 FROM content_vectors WHERE vector_id = old.vector_id);
END;

INSERT INTO meta SELECT '{UNCUT}', max(id) FROM items WHERE kind = 'caption'
  HAVING max(id) IS NOT NULL;
"""
