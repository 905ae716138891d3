"""The tables of a collection in PostgreSQL, as numbered steps: step n makes layout n.

Texts compare by their code points (collation "C"), as they do in Python and in SQLite.
"""

from __future__ import annotations

UNCUT = "uncut_captions"
"""In meta: captions up to this id may be longer than the model reads at once, and have one vector.
Absent where there are none such."""

ITEMS = """
CREATE TABLE meta (
  key text COLLATE "C" PRIMARY KEY,
  value text COLLATE "C" NOT NULL
);

-- Every model that has vectors here. `serving_model` in meta is the id of the one that answers.
CREATE TABLE models (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  fingerprint text COLLATE "C" NOT NULL UNIQUE,
  dim integer NOT NULL CHECK (dim > 0)
);

CREATE TABLE items (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('image', 'caption')),
  path text COLLATE "C",
  sha256 text COLLATE "C" NOT NULL,
  caption text COLLATE "C",
  image_id bigint REFERENCES items (id) ON DELETE CASCADE,
  width bigint,
  height bigint,
  bytes bigint,
  format text COLLATE "C",
  mtime_ns bigint,
  position integer NOT NULL DEFAULT 0,  -- of a caption among those of its image
  taken text COLLATE "C",    -- when the picture was taken: local time, YYYY-MM-DDTHH:MM:SS[.mmm]
  taken_offset integer,      -- minutes east of UTC, where the file says it
  date text COLLATE "C",     -- `taken`, else `mtime_ns` in local time; YYYY-MM-DDTHH:MM:SS
  camera text COLLATE "C",
  lens text COLLATE "C",
  latitude double precision,   -- degrees north
  longitude double precision,  -- degrees east
  added bigint,              -- when the row was made: seconds since 1970, UTC
  meta jsonb,                -- further fields of a manifest: an object
  header_read integer NOT NULL DEFAULT 0  -- what read the header: a version, or 0
);
CREATE UNIQUE INDEX items_path ON items (path) WHERE kind = 'image';
CREATE INDEX items_content ON items (sha256, kind);
CREATE INDEX items_image ON items (image_id) WHERE image_id IS NOT NULL;
CREATE INDEX items_date ON items (date) WHERE date IS NOT NULL;
CREATE INDEX items_captions ON items (id) WHERE kind = 'caption';

CREATE TABLE tags (
  item_id bigint NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  tag text COLLATE "C" NOT NULL,
  PRIMARY KEY (item_id, tag)
);
CREATE INDEX tags_tag ON tags (tag);

-- Where an image's caption was said: a file, or '' for by hand. A caption without a row is of a
-- time when that was not noted.
CREATE TABLE caption_sources (
  caption_id bigint NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  source text COLLATE "C" NOT NULL,
  PRIMARY KEY (caption_id, source)
);
CREATE TABLE tag_sources (
  item_id bigint NOT NULL,
  tag text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  PRIMARY KEY (item_id, tag, source),
  FOREIGN KEY (item_id, tag) REFERENCES tags (item_id, tag) ON DELETE CASCADE
);

-- What a manifest says of an image besides captions and tags: a JSON object, as it was said.
-- `meta` of the item joins those of all its manifests.
CREATE TABLE meta_sources (
  item_id bigint NOT NULL REFERENCES items (id) ON DELETE CASCADE,
  source text COLLATE "C" NOT NULL,
  fields text NOT NULL,
  PRIMARY KEY (item_id, source)
);
CREATE TABLE field_indexes (
  name text COLLATE "C" PRIMARY KEY,
  number integer NOT NULL UNIQUE
);

-- What changes with a file's content though its size and time stay.
CREATE TABLE file_marks (
  item_id bigint PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  device bigint NOT NULL,
  inode bigint NOT NULL,
  ctime_ns bigint NOT NULL
);

-- Files and folders that were taken out for good.
CREATE TABLE kept_out (
  path text COLLATE "C" PRIMARY KEY,
  sha256 text COLLATE "C",  -- of a file: by its content it is known where it was moved to
  device bigint             -- of a file: one whose device is not mounted is not lost
);

CREATE TABLE failures (
  path text COLLATE "C" PRIMARY KEY,
  error text NOT NULL,
  message text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);

-- The number that a text of a manifest spells, such as 5, +1, 007, .5 or 1e5; NULL for another
-- text, and for a number beyond 64 bits. See filters.readings.number_of.
CREATE FUNCTION number_in(spelt text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN length(spelt) > 1000 THEN NULL
  WHEN spelt ~ '^[-+]?[0-9]+$' THEN CASE
    WHEN abs(spelt::numeric) < 9223372036854775808 THEN spelt::numeric END
  WHEN spelt ~ '^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?0*[0-9]{1,3})?$' THEN CASE
    WHEN abs(spelt::numeric) <= 1.7976931348623157e308 THEN spelt::numeric END
END;
"""

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
  DELETE FROM content_vectors AS of_content USING (SELECT DISTINCT kind, sha256 FROM removed) AS gone
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

WORDS = """
-- The words about each image: folded, and separated by spaces; and their stems, each once.
CREATE TABLE item_words (
  item_id bigint PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  words text NOT NULL,
  length integer NOT NULL,  -- how many words
  forms text[] COLLATE "C" NOT NULL
);
CREATE TABLE word_forms (
  form text COLLATE "C" NOT NULL,
  item_id bigint NOT NULL,
  PRIMARY KEY (form, item_id)
);
CREATE TABLE word_totals (
  items bigint NOT NULL,
  words bigint NOT NULL
);
INSERT INTO word_totals VALUES (0, 0);
-- Images whose words may have changed; the transaction that changes them writes their words.
CREATE TABLE words_due (
  item_id bigint PRIMARY KEY
);

CREATE FUNCTION words_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO word_forms SELECT unnest(forms), item_id FROM added ORDER BY 1, 2;
  UPDATE word_totals AS totals SET items = totals.items + known.items,
    words = totals.words + known.words
    FROM (SELECT count(*) AS items, coalesce(sum(length), 0) AS words FROM added) AS known;
  RETURN NULL;
END $$;
CREATE FUNCTION words_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM word_forms USING (SELECT unnest(forms) AS form, item_id FROM removed) AS gone
    WHERE word_forms.form = gone.form AND word_forms.item_id = gone.item_id;
  UPDATE word_totals AS totals SET items = totals.items - known.items,
    words = totals.words - known.words
    FROM (SELECT count(*) AS items, coalesce(sum(length), 0) AS words FROM removed) AS known;
  RETURN NULL;
END $$;
CREATE TRIGGER words_added AFTER INSERT ON item_words REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION words_added();
CREATE TRIGGER words_removed AFTER DELETE ON item_words REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION words_removed();

CREATE FUNCTION item_words_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO words_due SELECT DISTINCT coalesce(image_id, id) FROM changed
    WHERE kind = 'image' OR image_id IS NOT NULL ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER item_words_due AFTER INSERT ON items REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION item_words_due();
CREATE FUNCTION changed_item_words_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO words_due SELECT DISTINCT coalesce(changed.image_id, id)
    FROM changed JOIN former USING (id)
    WHERE (changed.path, changed.caption, changed.image_id, changed.position)
      IS DISTINCT FROM (former.path, former.caption, former.image_id, former.position)
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER changed_item_words_due AFTER UPDATE ON items
  REFERENCING OLD TABLE AS former NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION changed_item_words_due();
CREATE TRIGGER removed_item_words_due AFTER DELETE ON items REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION item_words_due();
CREATE FUNCTION tag_words_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO words_due SELECT DISTINCT item_id FROM changed ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER tag_words_due AFTER INSERT ON tags REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tag_words_due();
CREATE TRIGGER removed_tag_words_due AFTER DELETE ON tags REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tag_words_due();
"""

STEPS: tuple[str, ...] = (ITEMS + VECTORS + WORDS,)
"""Each step is SQL that runs once, in a transaction of its own. A released step never changes."""
