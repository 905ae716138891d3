"""The views of a catalog's folder, opened, followed and published."""

from __future__ import annotations

import numpy as np

from mmembed.store.index_sync import IndexSync
from mmembed.store.sqlite import Catalog
from mmembed.store.vectors import VectorView
from tests.store.vectors.clustered import Entry, clustered


def fill(catalog: Catalog, entry: Entry, first: int, count: int) -> None:
    random = np.random.default_rng(first)
    catalog.write([entry(f"/{first + i}", random.normal(size=4)) for i in range(count)])


def images(views: IndexSync) -> VectorView:
    view = views.view("image")
    assert view is not None
    return view


def answers(views: IndexSync) -> list[list[int]]:
    view = images(views)
    return [view.search(query, 50).ids.tolist() for query in clustered(5, seed=1, dim=4)]


def fresh(catalog: Catalog, exact_limit: int = 10) -> IndexSync:
    """As after a start; what the tests hold is more than is searched without cells."""
    return IndexSync(catalog, exact_limit=exact_limit)


def published(catalog: Catalog, entry: Entry) -> list[list[int]]:
    """Fill a catalog and publish its views; what they answer."""
    fill(catalog, entry, 0, 40)
    views = fresh(catalog)
    views.publish()
    assert (catalog.folder / "images.usearch").exists()
    return answers(views)
