"""The tables of items and of what indexing remembers of their files, as layout 1 has them."""

from __future__ import annotations

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
