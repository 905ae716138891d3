"""The tables of the words about images, and the triggers that keep them, as layout 1 has them."""

from __future__ import annotations

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
