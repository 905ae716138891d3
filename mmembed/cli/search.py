"""`mmembed search`"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from datetime import datetime
from typing import Any

from mmembed.cli import service
from mmembed.cli.open_to_read import check_exists
from mmembed.cli.options import add_filter
from mmembed.cli.query_terms import add_term_arguments, given_terms, like_and_unlike
from mmembed.cli.table import plain, print_json, shown_path, table
from mmembed.cli.upgrade import upgraded
from mmembed.config.settings import Settings
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where, with_all
from mmembed.item_json import chunk_json, evidence_json, item_json
from mmembed.types import KINDS, MODES, AutomaticTag, Evidence, Hit, Item, SearchPage

DESCRIPTION = """\
Find the items nearest in meaning.

  mmembed search "two dogs on a beach"
  mmembed search --like sunset.jpg -k 5
  mmembed search "at night" --like street.jpg
  mmembed search --like mystery.jpg --kind caption
  mmembed search --like 12 --like 15 --like 31 --unlike 7      more like these items

Words are never read as operators: --without says what to keep away from, --with adds a term of its
own.

  mmembed search "a dog" --without grass
  mmembed search "a dog" --without-like meadow.jpg --strategy exclude
  mmembed search "a king" --with "a woman" --without "a man"

--where narrows the search:

  mmembed search "two dogs" --where 'date>=2024-05 -tag:private'
  mmembed search "a church" --where 'camera:"Pixel 7" (width>4000 or orientation:portrait)'
  mmembed search "at night" --where 'folder:"/photos/2024" has:caption bytes>5MB'

Fields: kind, tag, folder, path, format, width, height, megapixels, orientation, bytes, date,
camera, lens, latitude, longitude, added, caption, and meta.NAME for a manifest's fields.
Operators: : = != < <= > >= ~ (contains) ^ (starts with), a,b (any of) and a..b (between).

While `mmembed serve` runs on the same folder, it answers at once; otherwise the model is loaded.
"""


SPREAD = 8
"""Power by which relevance is drawn: most results fit better than nine of ten other texts."""
DOUBTS = {
    "no": "nothing here fits {}; the nearest are:",
    "unsure": "the nearest to {}, which may or may not be here:",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_term_arguments(parser)
    parser.add_argument("-k", type=int, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--kind", choices=KINDS, default="image", help="default: image")
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="by pictures, captions and words together (hybrid, the default for words), by "
        "pictures alone, or by the words of captions, tags and file names alone",
    )
    add_filter(parser, "only items that pass a filter")
    parser.add_argument("--tag", action="append", default=[], help="only with this tag")
    parser.add_argument(
        "--min-relevance",
        type=float,
        default=0.0,
        metavar="0..1",
        help="leave out items of a lower relevance",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="answer without the databases of several that are away, and say so",
    )
    parser.add_argument(
        "--collapse", action="store_true",
        help="of copies of one shot, show the best alone: ×3 stands for three pictures",
    )  # fmt: skip
    parser.add_argument("--cursor", help="next_cursor of an earlier --json answer")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Search and print; 0 also if nothing was found."""
    if arguments.k < 1 or arguments.k > settings.max_k:
        raise QueryError(f"-k {arguments.k}: expected 1 to {settings.max_k}")
    if not 0 <= arguments.min_relevance <= 1:
        raise QueryError(f"--min-relevance {arguments.min_relevance}: expected 0 to 1")
    parse_where(arguments.where)
    check_exists(settings)
    page, model = _of_service(settings, arguments) or _of_folder(settings, arguments)
    if arguments.json:
        print_json(_as_json(page, model))
        return 0
    said = list(page.notes)
    if page.hits and page.match in DOUBTS:
        said.append(DOUBTS[page.match].format(_named(arguments)))
    if not page.hits:
        said.append(f"nothing found: {_why_nothing(settings, arguments)}")
    for line in said:
        print(plain(line), file=sys.stderr)
    for line in table(("score", "relevance", "id", "picture", "caption"), map(_row, page.hits)):
        print(line)
    return 0


def _named(arguments: argparse.Namespace) -> str:
    words = [text for text in (arguments.words, *arguments.further) if text is not None]
    if words:
        return f"“{words[0]}”"
    if len(arguments.like) > 1:
        return "these pictures"
    return "this picture" if arguments.like else f"item {arguments.item}"


def _why_nothing(settings: Settings, arguments: argparse.Namespace) -> str:
    narrowed = "".join(f" with the tag {tag}" for tag in arguments.tag)
    narrowed += f" that pass {arguments.where}" if arguments.where else ""
    least = arguments.min_relevance
    narrowed += " after that cursor" if arguments.cursor else ""
    narrowed += f" of a relevance of {least:g} or more" if least > 0 else ""
    if arguments.mode == "words":
        return (
            f"no caption, tag or name of the images{narrowed} in {settings.place} has any of these "
            "words; leave --mode out to look at the pictures, too"
        )
    if arguments.strategy == "exclude":
        narrowed += " that are far from what is excluded"
    return f"{settings.place} holds no {arguments.kind}s{narrowed}"


def _of_folder(settings: Settings, arguments: argparse.Namespace) -> tuple[SearchPage, str]:
    # These take longer than asking a running server.
    from mmembed.cli.bank import embed_bank
    from mmembed.collection.collection import Collection

    where = with_all(parse_where(arguments.where), arguments.tag)
    upgraded(settings)
    with Collection(settings) as collection:
        given = given_terms(arguments)
        likenesses = like_and_unlike(given)
        terms = [one.term(collection.read_image) for one in given if not one.is_likeness]
        if arguments.kind == "image" and any(term.text is not None for term in terms):
            embed_bank(collection)
        page = collection.search(
            terms,
            k=arguments.k,
            kind=arguments.kind,
            cursor=arguments.cursor,
            where=where,
            mode=arguments.mode,
            strategy=arguments.strategy,
            min_relevance=arguments.min_relevance,
            like=likenesses["like"],
            unlike=likenesses["unlike"],
            partial=arguments.partial,
            collapse=arguments.collapse,
        )
        return page, collection.model_name


def _of_service(settings: Settings, arguments: argparse.Namespace) -> tuple[SearchPage, str] | None:
    """The answer of a running server of the folder. None if there is none: faults of a query are
    then reported as without a server."""
    query: dict[str, Any] = {"k": arguments.k, "kind": arguments.kind, "cursor": arguments.cursor}
    query["mode"] = arguments.mode
    query["filter"] = {"tags": arguments.tag}
    query["strategy"] = arguments.strategy
    query["min_relevance"] = arguments.min_relevance
    query["partial"] = arguments.partial
    if arguments.collapse:
        query["collapse"] = True
    if arguments.where:
        query["where"] = arguments.where
    given = given_terms(arguments)
    query |= {name: ids for name, ids in like_and_unlike(given).items() if ids}
    try:
        query["query"] = [one.sent() for one in given if not one.is_likeness]
    except OSError:
        return None
    running = service.find(settings)
    answer = None if running is None else running.search(query)
    if answer is None:
        return None
    hits = tuple(map(_hit, answer["hits"]))
    notes, mode = tuple(answer["notes"]), answer.get("mode", "picture")
    page = SearchPage(hits, answer["next_cursor"], notes, mode, answer.get("match"))
    return page, answer["model"]


def _hit(sent: dict[str, Any]) -> Hit:
    known = {field.name: sent[field.name] for field in fields(Item) if field.name in sent}
    known |= sent.get("location") or {}
    known["tags"] = tuple(sent["tags"])
    known["automatic_tags"] = tuple(AutomaticTag(**one) for one in sent.get("automatic_tags", ()))
    chunk = sent.get("chunk")
    known["chunk"] = (chunk["start"], chunk["stop"]) if chunk else None
    if known.get("added"):
        known["added"] = int(datetime.fromisoformat(known["added"]).timestamp())
    evidence = tuple(
        Evidence(one["by"], one["points"], tuple(one["words"])) for one in sent.get("evidence", ())
    )
    return Hit(
        Item(**known),
        sent["score"],
        sent["relevance"],
        evidence,
        sent.get("fits"),
        sent.get("copies", 1),
    )


def _row(hit: Hit) -> tuple[str, ...]:
    item = hit.item
    return (
        f"{hit.score:.3f}",
        "▮" * round(round(hit.relevance, 4) ** SPREAD * 10),
        str(item.id),
        shown_path(item.path) + (f" ×{hit.copies}" if hit.copies > 1 else ""),
        _found(item),
    )


def _as_json(page: SearchPage, model: str) -> dict[str, object]:
    hits = [
        {
            **item_json(hit.item),
            "captions": hit.item.captions,
            "score": hit.score,
            "relevance": round(hit.relevance, 4),
            "fits": hit.fits,
            "evidence": evidence_json(hit.evidence),
            "chunk": chunk_json(hit.item),
            "copies": hit.copies,
        }
        for hit in page.hits
    ]
    return {
        "hits": hits,
        "next_cursor": page.next_cursor,
        "match": page.match,
        "mode": page.mode,
        "model": model,
        "notes": list(page.notes),
    }


def _found(item: Item) -> str:
    """The caption, or the part of a long one that was found."""
    part = chunk_json(item)
    return str(part["text"]) if part else item.caption or ""
