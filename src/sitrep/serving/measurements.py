"""What `/metrics` tells: requests, the queue, the model, and what was said of the sentences."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sitrep.sentences import Prediction

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SHARES = tuple(place / 20 for place in range(1, 21))


class Measurements:
    """The figures of one server.

    Units of work are counted so that admitted = answered + failed + dropped + those that are still in the queue.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "sitrep_requests",
            "Answers by path and code; `ok` or that of the error",
            ["path", "code"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "sitrep_request_seconds", "From the headers to the end of the answer", ["path"], buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.admitted = Counter("sitrep_admitted", "Requests that were let into the queue", registry=registry)
        self.answered = Counter("sitrep_answered", "Admitted requests that were answered", registry=registry)
        self.failed = Counter("sitrep_failed", "Admitted requests that failed", registry=registry)
        self.dropped = Counter(
            "sitrep_dropped", "Admitted requests that nobody waits for any more", ["reason"], registry=registry
        )
        self.batch_sentences = Histogram(
            "sitrep_batch_sentences", "Sentences of a batch", buckets=SIZES, registry=registry
        )
        self.batch_tokens = Histogram(
            "sitrep_batch_tokens", "Tokens of a batch, without padding", buckets=[16 * size for size in SIZES],
            registry=registry,
        )  # fmt: skip
        self.queue_wait = Histogram(
            "sitrep_queue_wait_seconds", "From admission to the first row in the model", buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.tokenizing = Histogram(
            "sitrep_tokenizing_seconds", "Cutting and tokenizing of a request", buckets=SECONDS, registry=registry
        )
        self.model = Histogram("sitrep_model_seconds", "Of a batch in the model", buckets=SECONDS, registry=registry)
        self.units = Counter(
            "sitrep_units", "Sentences by label and decision", ["label", "decision"], registry=registry
        )
        self.confidence = Histogram(
            "sitrep_confidence", "Probability of the label that was given", ["label"], buckets=SHARES, registry=registry
        )

    def watch_queue(self, requests: Callable[[], int], tokens: Callable[[], int], age: Callable[[], float]) -> None:
        """Ask these for the state of the queue whenever somebody asks for the figures."""
        for name, meaning, ask in (
            ("requests", "Requests in the queue", requests),
            ("tokens", "Tokens in the queue", tokens),
            ("oldest_seconds", "Age of the oldest request in the queue", age),
        ):
            Gauge(f"sitrep_queue_{name}", meaning, registry=self.registry).set_function(ask)

    def observe_batch(self, sentences: int, tokens: int, seconds: float) -> None:
        """As :meth:`sitrep.serving.model_queue.Observer.observe_batch`."""
        self.batch_sentences.observe(sentences)
        self.batch_tokens.observe(tokens)
        self.model.observe(seconds)

    def observe_wait(self, seconds: float) -> None:
        """As :meth:`sitrep.serving.model_queue.Observer.observe_wait`."""
        self.queue_wait.observe(seconds)

    def count_predictions(self, predictions: Iterable[Prediction]) -> None:
        """Count what was said of sentences of pages."""
        for prediction in predictions:
            self.count_unit(prediction.label, prediction.decision, prediction.probability_of(prediction.label))

    def count_unit(self, label: str, decision: str | None, probability: float) -> None:
        """Count what was said of one text."""
        self.units.labels(label, decision or "none").inc()
        self.confidence.labels(label).observe(probability)
