"""`POST /predict`: texts that stand alone, in the shape of text-embeddings-inference and of the Inference API.

A body with ``parameters``, as ``huggingface_hub`` sends it, is answered as the Inference API does: with a list for each
text, also where there is but one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from sitrep.decisions import probabilities_of
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.model.encoding import EncodedRow
from sitrep.sentences import probability_of
from sitrep.serving.problems import Problem
from sitrep.serving.service import Gone, LabellingService
from sitrep.settings import ServingLimits

TEXT = {"type": "string", "minLength": 1}
INPUTS = {
    "anyOf": [
        TEXT,
        {"type": "array", "minItems": 1, "items": TEXT},
        {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 1, "maxItems": 1, "items": TEXT}},
    ],
    "description": "A text, or a list of texts, or a list of lists of one text each.",
}


class FunctionToApply(Enum):
    """From the model's outputs to scores."""

    softmax = "softmax"
    sigmoid = "sigmoid"
    none = "none"


class PredictParameters(BaseModel):
    """As the Inference API takes them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    top_k: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Classes that are given, the most probable first; all by default."""
    function_to_apply: FunctionToApply | None = None
    """By default that of the model: softmax with one label a sentence, sigmoid with several."""


class PredictBody(BaseModel):
    """What `/predict` takes."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"inputs": "Four people were killed."}, {"inputs": ["Four were killed.", "Share"]}]
        },
    )

    inputs: Annotated[Any, WithJsonSchema(INPUTS)]
    truncate: Annotated[bool, Field(strict=True)] = True
    """Cut what is longer than the model reads; `false`: refuse it."""
    raw_scores: Annotated[bool, Field(strict=True)] = False
    """Give the model's outputs instead of probabilities."""
    parameters: PredictParameters | None = None
    """With it the answer has the shape of the Inference API: a list for each text, also for a single one."""


class Score(BaseModel):
    """One class of one text."""

    label: str
    score: float


@dataclass(frozen=True)
class TextRequest:
    """Texts to be labelled.

    Attributes:
        texts: At least one.
        single: Whether the answer is for one text, not for a list.
        truncate: Whether long ones are cut.
        function: To apply; ``None``: the model's own.
        top_k: Classes that are given.
    """

    texts: list[str]
    single: bool
    truncate: bool
    function: FunctionToApply | None
    top_k: int | None

    @classmethod
    def of(cls, content: Any, limits: ServingLimits) -> "TextRequest":
        """From JSON.

        Raises:
            Problem: If it is not what it should be, or beyond a limit.
        """
        body = validated(PredictBody, content)
        texts, single = _texts(body.inputs)
        if len(texts) > limits.inputs:
            raise Problem(
                "too_large", f"{len(texts):,} texts; the limit is {limits.inputs:,} (limits.inputs)", "inputs"
            )
        for number, text in enumerate(texts):
            field = "inputs" if single else f"inputs.{number}"
            check_text(text, field, limits)
        given = body.parameters or PredictParameters()
        function = FunctionToApply.none if body.raw_scores else given.function_to_apply
        return cls(texts, single and body.parameters is None, body.truncate, function, given.top_k)


def validated(model: type[BaseModel], content: Any) -> Any:
    """Content as a model of pydantic.

    Raises:
        Problem: If it does not fit; names the field.
    """
    if not isinstance(content, dict):
        raise Problem("invalid_request", f"the body must be a JSON object, not {type(content).__name__}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Problem("invalid_request", first["msg"], ".".join(map(str, first["loc"]))) from None


def check_text(text: str, field: str, limits: ServingLimits) -> None:
    """Refuse a text that is blank or too long."""
    if len(text) > limits.characters:
        message = f"{len(text):,} characters; the limit is {limits.characters:,} (limits.characters)"
        raise Problem("too_large", message, field)
    if not text.strip():
        raise Problem("empty_input", "the text is empty", field)


def _texts(inputs: Any) -> tuple[list[str], bool]:
    if isinstance(inputs, str):
        return [inputs], True
    if not isinstance(inputs, list):
        raise Problem("invalid_request", "give a text or a list of texts", "inputs")
    if not inputs:
        raise Problem("empty_input", "the list is empty", "inputs")
    texts = []
    for number, item in enumerate(inputs):
        if isinstance(item, list) and len(item) == 1:
            item = item[0]
        if not isinstance(item, str):
            pair = isinstance(item, list) and len(item) == 2
            message = "the model reads no pairs of texts" if pair else "give a text"
            raise Problem("invalid_request", message, f"inputs.{number}")
        texts.append(item)
    return texts, False


async def label_texts(
    service: LabellingService, request: TextRequest, calibrated: bool | None, gone: Gone, told: dict[str, Any]
) -> tuple[list[Any], int]:
    """Labels and scores of each text, the most probable first, and how many texts were cut.

    Raises:
        Problem: If they cannot be had.
    """
    predictor = service.choose(calibrated)
    read = partial(_read, predictor, request)
    characters = sum(map(len, request.texts))
    cut, found = await service.label(read, characters, gone, told)
    logits = found[:, : len(predictor.class_names)]  # who speaks stands behind
    scores, probabilities = _scores(predictor, request, logits)
    count = partial(_count, service, predictor, probabilities)
    names = predictor.class_names
    order = np.argsort(-scores, axis=1, kind="stable")[:, : request.top_k]
    answers = [
        [{"label": names[place], "score": row[place]} for place in places]
        for row, places in zip(scores.tolist(), order.tolist(), strict=True)
    ]
    count()
    return (answers[0] if request.single else answers), cut


def _read(predictor: Predictor, request: TextRequest) -> tuple[int, list[EncodedRow], int]:
    try:
        tokens, truncated = predictor.encoder.tokenize(request.texts)
    except Exception as error:  # of the library, which raises nothing more special
        raise Problem(
            "unreadable_input", f"the tokenizer fails on this input: {type(error).__name__}", "inputs"
        ) from None
    if not request.truncate and truncated.any():
        field = "inputs" if request.single else f"inputs.{int(truncated.argmax())}"
        message = f"longer than the {predictor.encoder.max_tokens} tokens that the model reads; send truncate: true"
        raise Problem("too_large", message, field)
    rows = predictor.encoder.rows(tokens, [[number] for number in range(len(tokens))])
    return int(truncated.sum()), rows, len(tokens)


def _scores(predictor: Predictor, request: TextRequest, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is given, and the model's own probabilities."""
    probabilities = probabilities_of(logits, predictor.task, predictor.temperature)
    match request.function:
        case None:
            return probabilities, probabilities
        case FunctionToApply.none:
            return logits.astype(np.float64), probabilities
        case FunctionToApply.softmax:
            return probabilities_of(logits, Task.single_label, predictor.temperature), probabilities
        case _:
            return probabilities_of(logits, Task.multi_label, predictor.temperature), probabilities


def _count(service: LabellingService, predictor: Predictor, probabilities: np.ndarray) -> None:
    labels: Sequence[str] = predictor.choose(probabilities)[0]
    for label, row in zip(labels, probabilities.tolist(), strict=True):
        by_class = dict(zip(predictor.class_names, row, strict=True))
        service.measurements.count_unit(label, None, probability_of(label, by_class))
