"""Items that leave a shard. A row is there from before the item is copied until it is removed.

The copier holds the change lock of the old shard while it copies. So a change that has this lock
knows of each departing item whether the new shard has it. If so, the change is made there. If not,
the item stays for now.
"""

from __future__ import annotations

from mmembed.store.postgres.connections import Session
from mmembed.store.shards.together import ChangePart

DEPARTURES_SQL = """
CREATE TABLE IF NOT EXISTS departures (
  item_id bigint PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
  copied boolean NOT NULL DEFAULT false
)
"""
DEPARTED_SQL = """
SELECT items.id FROM items JOIN departures ON item_id = items.id WHERE copied
UNION SELECT captions.id FROM items AS captions JOIN departures ON item_id = image_id WHERE copied
"""
TOUCHED_SQL = """
SELECT item_id FROM departures
WHERE item_id IN (SELECT coalesce(image_id, id) FROM items WHERE id = ANY(%s))
"""


class Departed(Exception):
    """An item that is to be changed here is in another shard by now."""


def stay(session: Session, part: ChangePart) -> None:
    """Have items that are about to be changed stay here. Raises Departed if a later shard has
    one."""
    if not part.touched:
        return
    leaving = [int(row[0]) for row in session.rows(TOUCHED_SQL, (list(part.touched),))]
    if not leaving:
        return
    if part.is_elsewhere(leaving):
        raise Departed
    session.run("DELETE FROM departures WHERE item_id = ANY(%s)", (leaving,))
