"""The tables of work that processes share, as layout 2 brings them."""

from __future__ import annotations

WORK = """
-- An indexing that is planned as pieces.
CREATE TABLE plans (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rules jsonb NOT NULL,
  awaits bigint[] NOT NULL DEFAULT '{}',  -- pieces of other plans that have files of this one
  planned_at timestamptz,
  ended_at timestamptz,
  lease_until timestamptz,  -- of the planner; then of the worker that does the last step
  token text COLLATE "C",
  report text,              -- of the planner
  end_report text           -- of the last step
);

CREATE TABLE pieces (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  plan_id bigint NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
  files integer NOT NULL,
  done integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  claims integer NOT NULL DEFAULT 0,  -- without those that ended well
  worker text,
  token text COLLATE "C",
  lease_until timestamptz,
  finished_at timestamptz,
  report text
);
CREATE INDEX pieces_plan ON pieces (plan_id);
CREATE INDEX pieces_open ON pieces (id) WHERE finished_at IS NULL;

-- The files of unfinished pieces, each once. A path may be too long for an index, a digest never.
CREATE TABLE piece_files (
  digest bytea PRIMARY KEY,
  piece_id bigint NOT NULL REFERENCES pieces (id) ON DELETE CASCADE,
  path text COLLATE "C" NOT NULL,
  said text NOT NULL
);
CREATE INDEX piece_files_piece ON piece_files (piece_id);

-- Images whose file a planner did not find.
CREATE TABLE plan_gone (
  plan_id bigint NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
  item_id bigint NOT NULL,
  path text COLLATE "C" NOT NULL,
  ended text NOT NULL,  -- files whose words it loses if it is found at a new path: a JSON list
  PRIMARY KEY (plan_id, item_id)
);
"""
