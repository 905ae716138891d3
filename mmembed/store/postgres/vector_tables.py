"""The tables of vectors and their changes, with the triggers that keep them, in layout 1; what
layout 4 adds to them."""

from __future__ import annotations

VECTORS = """
-- One row per distinct embedding of a model. Ids are never reused: a key in an old answer may
-- resolve to nothing, but never to another picture.
CREATE TABLE vectors (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id integer NOT NULL REFERENCES models (id),
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('image', 'caption')),
  digest bytea NOT NULL,  -- of the numbers, float16, little-endian
  embedding halfvec NOT NULL
);
-- In the row itself: exact searches read every vector.
ALTER TABLE vectors ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE UNIQUE INDEX vectors_digest ON vectors (model_id, kind, digest);
CREATE INDEX vectors_kind ON vectors (model_id, kind, id);
CREATE TABLE vector_totals (
  model_id integer NOT NULL REFERENCES models (id),
  kind text COLLATE "C" NOT NULL,
  vectors bigint NOT NULL,
  PRIMARY KEY (model_id, kind)
);

-- The vectors of a content by each model: one of the whole, or one for each chunk of a long
-- caption. Many contents may share one vector.
CREATE TABLE content_vectors (
  sha256 text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('image', 'caption')),
  model_id integer NOT NULL REFERENCES models (id),
  start integer NOT NULL DEFAULT 0,  -- the chunk's first character
  stop integer,                      -- the character after its last; NULL of a whole content
  vector_id bigint NOT NULL REFERENCES vectors (id),
  PRIMARY KEY (sha256, kind, model_id, start)
);
CREATE INDEX content_vectors_vector ON content_vectors (vector_id);

-- Each vector of a model added (1) or removed (-1), in order.
CREATE TABLE changes (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id integer NOT NULL,
  kind text COLLATE "C" NOT NULL,
  vector_id bigint NOT NULL,
  op smallint NOT NULL CHECK (op IN (1, -1))
);

-- The HNSW graphs, and how many vectors a search of one visits so that it finds what was promised.
CREATE TABLE graphs (
  model_id integer NOT NULL REFERENCES models (id),
  kind text COLLATE "C" NOT NULL,
  expansion integer NOT NULL,
  recall real NOT NULL,
  promise real NOT NULL,
  vectors bigint NOT NULL,  -- when it was built
  PRIMARY KEY (model_id, kind)
);

CREATE FUNCTION vectors_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO changes (model_id, kind, vector_id, op)
    SELECT model_id, kind, id, 1 FROM added ORDER BY id;
  INSERT INTO vector_totals AS known
    SELECT model_id, kind, count(*) FROM added GROUP BY model_id, kind
    ON CONFLICT (model_id, kind) DO UPDATE SET vectors = known.vectors + excluded.vectors;
  RETURN NULL;
END $$;
CREATE TRIGGER vectors_added AFTER INSERT ON vectors REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION vectors_added();
CREATE FUNCTION vectors_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO changes (model_id, kind, vector_id, op)
    SELECT model_id, kind, id, -1 FROM removed ORDER BY id;
  UPDATE vector_totals AS known SET vectors = known.vectors - gone.vectors
    FROM (SELECT model_id, kind, count(*) AS vectors FROM removed GROUP BY 1, 2) AS gone
    WHERE known.model_id = gone.model_id AND known.kind = gone.kind;
  RETURN NULL;
END $$;
CREATE TRIGGER vectors_removed AFTER DELETE ON vectors REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION vectors_removed();

-- The vectors of a content live as long as an item has the content.
CREATE FUNCTION items_lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM content_vectors AS of_content
    USING (SELECT DISTINCT kind, sha256 FROM removed) AS gone
    WHERE of_content.sha256 = gone.sha256 AND of_content.kind = gone.kind AND NOT EXISTS (
      SELECT 1 FROM items WHERE items.sha256 = gone.sha256 AND items.kind = gone.kind);
  RETURN NULL;
END $$;
CREATE TRIGGER items_removed AFTER DELETE ON items REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION items_lost();
CREATE FUNCTION items_replaced() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM content_vectors AS of_content USING (
      SELECT DISTINCT former.kind, former.sha256 FROM former JOIN changed USING (id)
      WHERE former.sha256 <> changed.sha256) AS gone
    WHERE of_content.sha256 = gone.sha256 AND of_content.kind = gone.kind AND NOT EXISTS (
      SELECT 1 FROM items WHERE items.sha256 = gone.sha256 AND items.kind = gone.kind);
  RETURN NULL;
END $$;
CREATE TRIGGER items_replaced AFTER UPDATE ON items
  REFERENCING OLD TABLE AS former NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION items_replaced();

-- A vector lives as long as a content points to it.
CREATE FUNCTION contents_lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM vectors USING (SELECT DISTINCT vector_id FROM removed) AS gone
    WHERE id = gone.vector_id AND NOT EXISTS (
      SELECT 1 FROM content_vectors WHERE content_vectors.vector_id = gone.vector_id);
  RETURN NULL;
END $$;
CREATE TRIGGER contents_removed AFTER DELETE ON content_vectors REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION contents_lost();
"""

EASIER = """
-- How many vectors a search visits for a query that lies as the vectors do: one whose tenth result
-- has at least this cosine. NULL of a graph that was measured before this step.
ALTER TABLE graphs ADD COLUMN easier integer, ADD COLUMN likeness double precision;
"""
