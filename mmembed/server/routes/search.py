"""`/v1/search`: by words, by example, by both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request

from mmembed.collection.collection import Collection
from mmembed.errors import QueryError
from mmembed.filters.parse import parse_where, with_all
from mmembed.item_failures import blaming
from mmembed.server.answer_shapes import SearchAnswer
from mmembed.server.api_examples import ITEM
from mmembed.server.json_answers import Json, JsonAnswer, each_json, hit_json
from mmembed.server.openapi import described
from mmembed.server.repeated_names import check_address
from mmembed.server.request_bodies import (
    JsonBody,
    check_all_chars,
    check_count,
    check_text,
    collection_of,
    image_bytes,
    limits_of,
    parse,
)
from mmembed.server.request_shapes import FilterShape, SearchRequest, TermShape, WordsQuery
from mmembed.types import NEGATIVE_WEIGHT, Term

router = APIRouter(tags=["search"])


_EVIDENCE: Json = {
    "evidence": [
        {"by": "picture", "points": 3.362, "words": []},
        {"by": "words", "points": 2.0, "words": ["boat", "sunset"]},
    ]
}
_HITS: Json = {
    "hits": [
        {
            **ITEM,
            "score": 0.354831,
            "relevance": 0.9971,
            "fits": 0.9971,
            "chunk": None,
            "copies": 1,
            **_EVIDENCE,
        }
    ],
    "next_cursor": None,
    "match": "yes",
    "mode": "hybrid",
    "model": "bundled",
    "notes": [],
    "took_ms": 2.1,
}


@router.get("/v1/search", response_model=SearchAnswer)
@described(
    asked={"q": "a boat at sunset", "k": 3, "where": "date>=2020 -tag:private"}, answer=_HITS
)
def search_by_words(request: Request, words: Annotated[WordsQuery, Query()]) -> JsonAnswer:
    """Items of a kind that are nearest to the words, and away from those in `without`."""
    check_address(request, "where")
    return _answer(
        collection_of(request),
        SearchRequest(
            q=words.q,
            like=words.like,
            unlike=words.unlike,
            without=words.without,
            strategy=words.strategy,
            k=words.k,
            cursor=words.cursor,
            kind=words.kind,
            filter=FilterShape(tags=words.tag),
            where=words.where,
            min_relevance=words.min_relevance,
            partial=words.partial,
            collapse=words.collapse,
            mode=words.mode,
            model=words.model,
        ),
    )


@router.post("/v1/search", response_model=SearchAnswer)
@described(
    takes=SearchRequest,
    asked={
        "query": [
            {"text": "at night"},
            {"item": 1, "weight": 2},
            {"text": "rain", "negative": True},
        ],
        "k": 3,
        "where": {"not": {"field": "tag", "op": "in", "value": ["private", "draft"]}},
    },
    answer=_HITS,
)
def search(request: Request, body: JsonBody) -> JsonAnswer:
    """Items of a kind that are nearest to weighted words, images and items."""
    collection = collection_of(request)
    return _answer(collection, parse(body, SearchRequest, limits_of(request)))


def _answer(collection: Collection, search_request: SearchRequest) -> JsonAnswer:
    started = time.perf_counter()
    collection.check_searchable(search_request.model)
    terms = _terms(collection, search_request)
    _check(collection, search_request, terms)
    where = with_all(
        parse_where(search_request.where), search_request.filter.tags, search_request.filter.folder
    )
    page = collection.search(
        terms,
        k=search_request.k,
        kind=search_request.kind,
        cursor=search_request.cursor,
        where=where,
        mode=search_request.mode,
        strategy=search_request.strategy,
        min_relevance=search_request.min_relevance,
        like=search_request.like,
        unlike=search_request.unlike,
        partial=search_request.partial,
        collapse=search_request.collapse,
    )
    return JsonAnswer(
        {
            "hits": each_json(hit_json, page.hits),
            "next_cursor": page.next_cursor,
            "match": page.match,
            "mode": page.mode,
            "model": collection.model_name,
            "notes": page.notes,
            "took_ms": round((time.perf_counter() - started) * 1000, 2),
        }
    )


def _terms(collection: Collection, search_request: SearchRequest) -> list[Term]:
    q, query = search_request.q, search_request.query
    if q is not None and query is not None:
        raise QueryError("expected exactly one of q and query")
    if q is None and query is None and not search_request.like:
        raise QueryError("expected exactly one of q and query, or like", param="q")
    terms = [] if q is None else [Term(text=q)]
    terms += [_term(collection, *term) for term in enumerate(query or ())]
    return terms + [
        Term(text=text, weight=NEGATIVE_WEIGHT, name=f"without[{index}]")
        for index, text in enumerate(search_request.without)
    ]


def _term(collection: Collection, index: int, term: TermShape) -> Term:
    name = f"query[{index}].image"
    with blaming(name):
        image = None if term.image is None else image_bytes(term.image, name, collection)
    return Term(text=term.text, image=image, item=term.item, weight=_weight(index, term))


def _weight(index: int, term: TermShape) -> float:
    if term.negative and term.weight is not None:
        raise QueryError(
            f"query[{index}]: negative stands for the weight {NEGATIVE_WEIGHT}; give one of "
            "weight and negative",
            param=f"query[{index}].negative",
        )
    if term.weight is not None:
        return term.weight
    return NEGATIVE_WEIGHT if term.negative else 1.0


def _check(collection: Collection, search_request: SearchRequest, terms: Sequence[Term]) -> None:
    limits = collection.limits
    check_count("results asked for with k", search_request.k, limits.page, "max_k")
    count = len(terms) + len(search_request.like) + len(search_request.unlike)
    check_count("terms in query", count, limits.items, "max_items")
    texts = [("the query", term.text) for term in terms if term.text is not None]
    texts += [("a tag of the filter", tag) for tag in search_request.filter.tags]
    texts += [("the filter's folder", search_request.filter.folder or "")]
    check_all_chars((text for _, text in texts), limits)
    for name, text in texts:
        check_text(name, text, limits.texts.text_chars)
