"""`/v1/search`: by words, by example, by both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from mmembed.collection import Collection
from mmembed.errors import QueryError
from mmembed.server.bodies import check_count, check_model, check_text, collection_of, image_bytes
from mmembed.server.schemas import SearchRequest, TermShape, hit_answer
from mmembed.types import Filter, Kind, Term

router = APIRouter(tags=["search"])


@router.get("/v1/search")
def search_by_words(
    request: Request,
    q: Annotated[str, Query(description="words")],
    k: Annotated[int, Query(ge=1)] = 20,
    cursor: str | None = None,
    kind: Kind = "image",
    tag: Annotated[list[str] | None, Query(description="only items with all these tags")] = None,
) -> dict[str, Any]:
    """Items of a kind by falling cosine similarity to the words."""
    return _answer(
        collection_of(request), [Term(text=q)], k, kind, cursor, Filter(tuple(tag or ()))
    )


@router.post("/v1/search")
def search(request: Request, asked: SearchRequest) -> dict[str, Any]:
    """Items of a kind by falling cosine similarity to weighted words, images and items."""
    collection = collection_of(request)
    check_model(asked.model, collection)
    if (asked.q is None) == (asked.query is None):
        raise QueryError("expected exactly one of q and query")
    if asked.query is None:
        terms = [Term(text=asked.q)]
    else:
        terms = [_term(index, term) for index, term in enumerate(asked.query)]
    chosen = Filter(tuple(asked.filter.tags), asked.filter.folder)
    return _answer(collection, terms, asked.k, asked.kind, asked.cursor, chosen)


def _term(index: int, term: TermShape) -> Term:
    image = None if term.image is None else image_bytes(term.image, f"query[{index}].image")
    return Term(text=term.text, image=image, item=term.item, weight=term.weight)


def _answer(
    collection: Collection,
    terms: Sequence[Term],
    k: int,
    kind: Kind,
    cursor: str | None,
    chosen: Filter,
) -> dict[str, Any]:
    settings = collection.settings
    started = time.perf_counter()
    check_count("results asked for with k", k, settings.max_k, "max_k")
    check_count("terms in query", len(terms), settings.max_items, "max_items")
    for term in terms:
        if term.text is not None:
            check_text("the query", term.text, settings.max_text_chars)
    page = collection.search(terms, k=k, kind=kind, cursor=cursor, chosen=chosen)
    return {
        "hits": [hit_answer(hit) for hit in page.hits],
        "next_cursor": page.next_cursor,
        "model": collection.model_name,
        "notes": list(page.notes),
        "took_ms": round((time.perf_counter() - started) * 1000, 2),
    }
