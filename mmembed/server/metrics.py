"""`/metrics`: what requests were answered and what the model does, for Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mmembed.collection import Collection
from mmembed.types import KINDS

router = APIRouter(tags=["operations"])

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""Stands for methods and routes that are not ours: callers shall not make up new series."""
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

    def end(self, route: str, method: str, status: int, seconds: float) -> None:
        """It was answered. route: the template; "" where the request reached none."""
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
    """What a collection and its models say of themselves, read when somebody looks."""

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
            items.add_metric([kind], self._collection.catalog.count(kind))
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
        for name in self._collection.models:
            embedder = self._collection.embedder_for(name)
            loaded.add_metric([name], float(embedder.loaded))
            waiting.add_metric([name], embedder.waiting)
        yield from (loaded, waiting)


def registry_of(collection: Collection) -> CollectorRegistry:
    """A registry of its own for every app, with what does not depend on requests."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(CollectionMetrics(collection))
    return registry


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus's text format"}},
)
def metrics(request: Request) -> Response:
    """Requests, latencies, models, queues, memory, in the text format of Prometheus."""
    content = generate_latest(request.app.state.registry)
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})
