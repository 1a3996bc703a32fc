"""Servers of a checkpoint as people write them, for `benchmarks/serving.py` to compare with.

python benchmarks/serving_peers.py pipeline|engine|litserve CHECKPOINT PORT
"""

import sys
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from sitrep.inference.predictor import Predictor

BATCH, WAIT_SECONDS = 32, 0.01
"""Of LitServe: requests of a batch, and how long the first of them waits for others."""


class Sentence(BaseModel):
    """What a client sends."""

    inputs: str


def scores(names: tuple[str, ...], row: Any) -> list[dict[str, Any]]:
    """An answer, likeliest label first."""
    pairs = sorted(zip(names, map(float, row), strict=True), key=lambda pair: -pair[1])
    return [{"label": label, "score": score} for label, score in pairs]


def plain(folder: str, own_engine: bool) -> FastAPI:
    """FastAPI that runs the model on each request: `pipeline` as its documentation shows it, or our engine.

    One request at a time uses the model: the tokenizer of neither may be shared by threads.
    """
    app, lock = FastAPI(), threading.Lock()
    if own_engine:
        predictor = Predictor.from_checkpoint(folder)

        def label(text: str) -> Any:
            return scores(predictor.class_names, predictor.predict_proba([text])[0])

    else:
        from transformers import pipeline

        classifier: Any = pipeline("text-classification", model=folder, top_k=None)

        def label(text: str) -> Any:
            return classifier(text)

    @app.post("/predict")
    def predict(sentence: Sentence) -> Any:
        with lock:
            return label(sentence.inputs)

    return app


def batched(folder: str) -> Any:
    """LitServe around our engine; the library comes with the extra ``bench``."""
    import litserve

    class Batched(litserve.LitAPI):  # type: ignore[misc]  # the library ships no types
        """Our engine behind LitServe's batching.

        Args:
            folder: Of the checkpoint.
        """

        def __init__(self, folder: str) -> None:
            super().__init__(max_batch_size=BATCH, batch_timeout=WAIT_SECONDS)
            self.folder = folder

        def setup(self, device: str) -> None:
            """Load the checkpoint, in the process that runs it."""
            self.predictor = Predictor.from_checkpoint(self.folder)

        def decode_request(self, request: dict[str, Any], **_: Any) -> Any:
            """The sentence."""
            return request["inputs"]

        def predict(self, x: Any, **_: Any) -> Any:
            """Probabilities of a batch of sentences."""
            return self.predictor.predict_proba(x)

        def encode_response(self, output: Any, **_: Any) -> Any:
            """Labels and scores of one of them."""
            return scores(self.predictor.class_names, output)

    return litserve.LitServer(Batched(folder), accelerator="cpu")


def main() -> None:
    """Serve until the process is ended."""
    kind, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "litserve":
        batched(folder).run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")
    else:
        uvicorn.run(plain(folder, kind == "engine"), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
