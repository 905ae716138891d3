"""Watches folders, and tells which files are to be indexed again.

    file_events, look → folders → waiting → watch → (what a collection does) → outcomes
                 mounts, roots    states    related_files

Events say where to look, and looks at whole folders find what no event told. The rest of the
package needs no event: `watch.Watch.step` is handed paths, and a clock.
"""

from mmembed.ingest.watch.outcomes import Note, Outcome, notes_of, notes_of_failures
from mmembed.ingest.watch.related_files import is_text
from mmembed.ingest.watch.timing import Timing
from mmembed.ingest.watch.watch import Watch, Work

__all__ = ["Note", "Outcome", "Timing", "Watch", "Work", "is_text", "notes_of", "notes_of_failures"]
