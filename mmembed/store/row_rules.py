"""Rules for the rows of a store, as SQL that is the same in every database."""

from __future__ import annotations


def row_rules(serving: str) -> dict[str, str]:
    """Queries that count the faults they are named after; each must give 0. serving: SQL for the
    id of the model that serves."""
    return {
        "captions without their own text": (
            "SELECT count(*) FROM items WHERE kind = 'caption' AND caption IS NULL"
        ),
        "items without a vector of the model that serves": (
            "SELECT count(*) FROM items WHERE NOT EXISTS (SELECT 1 FROM content_vectors AS "
            "of_content WHERE of_content.kind = items.kind AND of_content.sha256 = items.sha256 "
            f"AND model_id = {serving})"
        ),
        "chunks of captions with a gap before them": (
            "SELECT count(*) FROM content_vectors AS chunk WHERE start > 0 AND NOT EXISTS "
            "(SELECT 1 FROM content_vectors AS previous WHERE previous.kind = chunk.kind "
            "AND previous.sha256 = chunk.sha256 AND previous.model_id = chunk.model_id "
            "AND previous.stop = chunk.start)"
        ),
        "vectors of contents that no item has": (
            "SELECT count(*) FROM content_vectors AS of_content WHERE NOT EXISTS (SELECT 1 FROM "
            "items WHERE items.kind = of_content.kind AND items.sha256 = of_content.sha256)"
        ),
        "vectors whose kind or model is another than their content's": (
            "SELECT count(*) FROM content_vectors AS of_content "
            "JOIN vectors ON vectors.id = vector_id "
            "WHERE vectors.kind <> of_content.kind OR vectors.model_id <> of_content.model_id"
        ),
        "vectors that no change tells of": (
            "SELECT count(*) FROM (SELECT id, kind, model_id FROM vectors EXCEPT SELECT vector_id, "
            "kind, model_id FROM changes GROUP BY 1, 2, 3 HAVING sum(op) = 1) AS odd"
        ),
        "changes that tell of vectors which are not there": (
            "SELECT count(*) FROM (SELECT vector_id, kind, model_id FROM changes GROUP BY 1, 2, 3 "
            "HAVING sum(op) <> 0 EXCEPT SELECT id, kind, model_id FROM vectors) AS odd"
        ),
        "wrong totals of the words": (
            "SELECT count(*) FROM word_totals, (SELECT count(*) AS images, "
            "coalesce(sum(length), 0) AS length FROM item_words) AS known WHERE items <> images "
            "OR words <> length"
        ),
        "hashes of contents that no image has": (
            "SELECT count(*) FROM image_hashes WHERE NOT EXISTS (SELECT 1 FROM items "
            "WHERE kind = 'image' AND items.sha256 = image_hashes.sha256)"
        ),
        "automatic tags that their items lack": (
            "SELECT count(*) FROM automatic_tags AS automatic WHERE NOT EXISTS (SELECT 1 FROM tags "
            "WHERE tags.item_id = automatic.item_id AND tags.tag = automatic.tag)"
        ),
    }
