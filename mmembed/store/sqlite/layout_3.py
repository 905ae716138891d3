"""From layout 2 to layout 3: the words about images, and an index of them.

Triggers note in `words_due` each image whose words may have changed, whatever statement changed
them; `word_rows` then writes the words.
"""

from __future__ import annotations

VERSION = 3
TABLES = """
-- The words about each image: folded, and separated by spaces.
CREATE TABLE item_words (
  item_id INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  words TEXT NOT NULL,
  length INTEGER NOT NULL  -- how many words
);
CREATE TABLE word_totals (
  items INTEGER NOT NULL,
  words INTEGER NOT NULL
);
-- Images whose words may have changed; the transaction that changes them writes their words.
CREATE TABLE words_due (
  item_id INTEGER PRIMARY KEY
);
CREATE VIRTUAL TABLE word_index USING fts5 (
  words, content = 'item_words', content_rowid = 'item_id', detail = none, columnsize = 0,
  tokenize = 'porter ascii'
);
INSERT INTO word_totals VALUES (0, 0);
"""
TRIGGERS = """
CREATE TRIGGER words_added AFTER INSERT ON item_words BEGIN
  INSERT INTO word_index (rowid, words) VALUES (new.item_id, new.words);
  UPDATE word_totals SET items = items + 1, words = words + new.length;
END;
CREATE TRIGGER words_changed AFTER UPDATE ON item_words BEGIN
  INSERT INTO word_index (word_index, rowid, words) VALUES ('delete', old.item_id, old.words);
  INSERT INTO word_index (rowid, words) VALUES (new.item_id, new.words);
  UPDATE word_totals SET words = words - old.length + new.length;
END;
CREATE TRIGGER words_removed AFTER DELETE ON item_words BEGIN
  INSERT INTO word_index (word_index, rowid, words) VALUES ('delete', old.item_id, old.words);
  UPDATE word_totals SET items = items - 1, words = words - old.length;
END;

CREATE TRIGGER item_words_due AFTER INSERT ON items
WHEN new.kind = 'image' OR new.image_id IS NOT NULL BEGIN
  INSERT OR IGNORE INTO words_due VALUES (coalesce(new.image_id, new.id));
END;
CREATE TRIGGER changed_item_words_due AFTER UPDATE OF path, caption, image_id, position ON items
WHEN new.path IS NOT old.path OR new.caption IS NOT old.caption
  OR new.image_id IS NOT old.image_id OR new.position <> old.position BEGIN
  INSERT OR IGNORE INTO words_due VALUES (coalesce(new.image_id, new.id));
  INSERT OR IGNORE INTO words_due VALUES (coalesce(old.image_id, old.id));
END;
CREATE TRIGGER removed_caption_words_due AFTER DELETE ON items WHEN old.image_id IS NOT NULL BEGIN
  INSERT OR IGNORE INTO words_due VALUES (old.image_id);
END;
CREATE TRIGGER tag_words_due AFTER INSERT ON tags BEGIN
  INSERT OR IGNORE INTO words_due VALUES (new.item_id);
END;
CREATE TRIGGER changed_tag_words_due AFTER UPDATE ON tags BEGIN
  INSERT OR IGNORE INTO words_due VALUES (new.item_id);
  INSERT OR IGNORE INTO words_due VALUES (old.item_id);
END;
CREATE TRIGGER removed_tag_words_due AFTER DELETE ON tags BEGIN
  INSERT OR IGNORE INTO words_due VALUES (old.item_id);
END;
"""
WORDS = TABLES + TRIGGERS
"""A migration writes the words in between: FTS5 flushes its buffers at each row that a trigger
adds, and takes five times as long."""
