"""`/metrics`: figures of requests and models, for Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mmembed.collection.collection import Collection, EmbedderCounts
from mmembed.server.openapi import described
from mmembed.types import KINDS

router = APIRouter(tags=["operations"])

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for unknown methods and routes, so that callers cannot create new series."""
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestMetrics:
    """Counts requests; `begin` and `end` are called on the event loop, and cost microseconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "mmembed_requests",
            "Requests that were answered",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "mmembed_request_seconds",
            "Time from the head of a request to the end of its answer",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._running = Gauge(
            "mmembed_requests_in_progress", "Requests that are being answered", registry=registry
        )

    def begin(self) -> None:
        """A request has come."""
        self._running.inc()

    def refused(self, method: str, status: int, count: int = 1) -> None:
        """Requests were answered before their routes were known."""
        key = OTHER, method, status
        if key not in self._series:
            self._series[key] = self._count.labels(*key), self._seconds.labels(OTHER)
        self._series[key][0].inc(count)

    def end(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. route: the template; "" if the request reached none."""
        route = route or OTHER
        method = method if method in METHODS else OTHER
        key = route, method, status
        if key not in self._series:  # looking series up by labels costs more than counting
            self._series[key] = self._count.labels(*key), self._seconds.labels(route)
        counted, timed = self._series[key]
        self._running.dec()
        counted.inc()
        timed.observe(seconds)


class CollectionMetrics(Collector):
    """Figures of a collection and its models, read at each scrape."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def collect(self) -> Iterable[Metric]:
        """One family of series after the other. Raises StoreError."""
        yield self._items()
        yield self._indexes()
        yield from self._models()

    def _items(self) -> Metric:
        items = GaugeMetricFamily(
            "mmembed_items", "Items of the collection, each with one vector", labels=["kind"]
        )
        for kind in KINDS:
            items.add_metric([kind], self._collection.count(kind))
        return items

    def _indexes(self) -> Metric:
        vectors = GaugeMetricFamily(
            "mmembed_index_vectors", "Vectors in each index that is loaded", labels=["kind"]
        )
        for kind, count in self._collection.index_sizes().items():
            vectors.add_metric([kind], count)
        return vectors

    def _models(self) -> Iterable[Metric]:
        loaded = GaugeMetricFamily(
            "mmembed_model_loaded", "1 while a model is in memory", labels=["model"]
        )
        waiting = GaugeMetricFamily(
            "mmembed_queue_length", "Requests that wait for a model", labels=["model"]
        )
        done = ModelMetrics()
        for name in self._collection.models:
            counts = self._collection.model_counts(name)
            loaded.add_metric([name], float(counts.loaded))
            waiting.add_metric([name], counts.waiting)
            done.add(name, counts)
        yield from (loaded, waiting, *done.families)


class ModelMetrics:
    """Totals of the models since the start."""

    def __init__(self) -> None:
        self._asked = CounterMetricFamily(
            "mmembed_cache_requests",
            "Inputs that were looked up in the cache of embeddings",
            labels=["model", "kind", "found"],
        )
        self._evicted = CounterMetricFamily(
            "mmembed_cache_evictions",
            "Embeddings that had to make room in the cache",
            labels=["model", "kind"],
        )
        self._inputs = CounterMetricFamily(
            "mmembed_model_inputs", "Inputs that the model embedded", labels=["model", "kind"]
        )
        self._seconds = CounterMetricFamily(
            "mmembed_model_seconds", "Time that the model ran", labels=["model", "kind"]
        )
        self._loads = CounterMetricFamily(
            "mmembed_model_loads", "How often a model was loaded", labels=["model"]
        )
        self._abandoned = CounterMetricFamily(
            "mmembed_abandoned",
            "Requests whose callers left before their inputs were embedded",
            labels=["model"],
        )
        self._batches = HistogramMetricFamily(
            "mmembed_batch_size", "Inputs in one run of the model", labels=["model"]
        )

    @property
    def families(self) -> tuple[Metric, ...]:
        """Families of series, one for each kind of figure."""
        return (self._asked, self._evicted, self._inputs, self._seconds, self._loads,
                self._abandoned, self._batches)  # fmt: skip

    def add(self, name: str, counts: EmbedderCounts) -> None:
        """The figures of one model."""
        kinds = (
            ("text", counts.text_hits, counts.text_misses, counts.text_evictions,
             counts.texts, counts.text_seconds),
            ("image", counts.image_hits, counts.image_misses, counts.image_evictions,
             counts.images, counts.image_seconds),
        )  # fmt: skip
        for kind, hits, misses, evictions, inputs, seconds in kinds:
            self._asked.add_metric([name, kind, "yes"], hits)
            self._asked.add_metric([name, kind, "no"], misses)
            self._evicted.add_metric([name, kind], evictions)
            self._inputs.add_metric([name, kind], inputs)
            self._seconds.add_metric([name, kind], seconds)
        self._loads.add_metric([name], counts.loads)
        self._abandoned.add_metric([name], counts.abandoned)
        buckets, total = cumulated(counts.batch_sizes)
        self._batches.add_metric([name], buckets=buckets, sum_value=total)


def cumulated(sizes: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """Batches of each size → batches of at most each size, as histograms count, and the inputs of
    all."""
    bounds = [
        (str(float(most)), float(sum(n for size, n in sizes.items() if size <= most)))
        for most in BATCH_SIZES
    ]
    whole = float(sum(size * n for size, n in sizes.items()))
    return [*bounds, ("+Inf", float(sum(sizes.values())))], whole


def registry_of(collection: Collection) -> CollectorRegistry:
    """A registry of its own for every app, with the figures that do not depend on requests."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(CollectionMetrics(collection))
    return registry


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus's text format"}},
)
@described(
    answer=(
        'mmembed_requests_total{method="GET",route="/v1/search",status="200"} 12.0\n'
        'mmembed_items{kind="image"} 140.0\n'
    )
)
def metrics(request: Request) -> Response:
    """Requests, latencies, models, queues, memory, in the text format of Prometheus."""
    content = generate_latest(request.app.state.registry)
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})
