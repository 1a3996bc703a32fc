"""A loaded checkpoint that labels sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.checkpoint import Checkpoint
from sitrep.config import InferenceSettings, Precision
from sitrep.decisions import classes_that_apply, decide, label_of
from sitrep.errors import UserError
from sitrep.hardware import choose_device, choose_precision
from sitrep.inference.batching import batches_by_length, whole_articles
from sitrep.labels import CLASSES, Task
from sitrep.modelling.rows import Reader, Row, reading_order
from sitrep.sentences import Passage, Prediction

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}
"""Tokens a batch at which throughput no longer grows, by kind of device (`benchmarks/prediction.py`)."""

WIDTH_STEP = 8
"""Batches are padded to a multiple of this: the CPU's kernels are compiled and kept for each shape, so that few shapes
save time, and memory that would grow with the first hundreds of thousands of rows (`benchmarks/memory.py`)."""


@dataclass(frozen=True)
class Scored:
    """Outputs for a list of texts, in its order.

    Attributes:
        probabilities: Shape (texts, outputs); rows sum to one, unless classes may apply together.
        truncated: Shape (texts,); whether the end of the text was cut off.
    """

    probabilities: np.ndarray
    truncated: np.ndarray


class Predictor:
    """A model and its tokenizer, ready to label any number of sentences.

    Args:
        checkpoint: Verified checkpoint.
        settings: Precision, batch budget and window.
        device: Where to run; ``None`` takes the GPU if there is one.
        calibrated: Divide logits by the checkpoint's temperature, if it has one, and say which predictions to check.
            Without it probabilities are those of a plain pipeline of ``transformers``.

    Raises:
        UserError: If the folder cannot be loaded.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: InferenceSettings,
        device: "torch.device | None" = None,
        calibrated: bool = True,
    ) -> None:
        import torch
        from transformers import AutoTokenizer, logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.checkpoint = checkpoint
        self.window = settings.window
        self.calibrated = calibrated
        fit = checkpoint.validation if calibrated else None
        self.temperature = (fit.temperature if fit else None) or 1.0
        self.accept = fit.accept if fit else {}
        self.device = device or choose_device()
        self.precision = choose_precision(settings.precision, self.device, "inference.precision")
        self.batch_tokens = settings.batch_tokens or BATCH_TOKENS[self.device.type]
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
            self.model: Any = _load(checkpoint)
        except UserError:
            raise
        except (
            Exception
        ) as error:  # what is wrong with a foreign folder decides the type: tokenizers knows only Exception
            raise UserError(f"{checkpoint.folder}: cannot be loaded: {type(error).__name__}: {error}") from None
        if self.tokenizer.pad_token_id is None:
            raise UserError(f"{checkpoint.folder}: the tokenizer has no padding token")
        self.reader = Reader(
            self.tokenizer, checkpoint.context, checkpoint.pooling, checkpoint.max_tokens, checkpoint.window_tokens
        )
        self.model = self.model.to(self.device).eval()
        if self.precision is Precision.bf16:
            self.model = self.model.to(torch.bfloat16)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a sentence can get."""
        return self.checkpoint.labels

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`score`."""
        return self.checkpoint.outputs

    def predict(self, passages: Iterable[Passage]) -> Iterator[Prediction]:
        """Label a stream of passages, in its order, one window in memory at a time.

        Where the model reads context, the passages of an article are read together, in the order of ``position``, as
        far as they stand in one window; a window ends between articles where it can.
        """
        for window in whole_articles(passages, self.window):
            scored = self.score([passage.text for passage in window], reading_order(window))
            chosen, sets = self.choose(scored.probabilities)
            rows = scored.probabilities.tolist()
            for passage, label, several, row, cut in zip(
                window, chosen, sets, rows, scored.truncated.tolist(), strict=True
            ):
                said = Prediction(passage, label, dict(zip(self.outputs, row, strict=True)), cut, several)
                if self.accept:
                    said = replace(said, decision=decide(label, said.probability_of(label), self.accept))
                yield said

    def choose(
        self, probabilities: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> tuple[list[str], Sequence[tuple[str, ...] | None]]:
        """The one label of each text, and every class that applies where the model says that.

        Args:
            probabilities: As :meth:`score` gives them.
            thresholds: Least probability of each class that applies; by default those of the checkpoint.
        """
        if self.checkpoint.task is Task.single_label:
            return [self.outputs[index] for index in probabilities.argmax(axis=1)], [None] * len(probabilities)
        applies = classes_that_apply(probabilities, thresholds or self.checkpoint.thresholds)
        names = [tuple(name for name, holds in zip(CLASSES, row, strict=True) if holds) for row in applies]
        return label_of(applies), names

    def score(self, texts: Sequence[str], articles: Sequence[Sequence[int]] | None = None) -> Scored:
        """Probabilities of every output for each text; what batch a text falls into does not matter to it.

        Args:
            texts: Sentences.
            articles: Numbers of the sentences of each article in reading order, together all of them; ``None``: each
                text stands alone.
        """
        tokens, truncated = self.reader.tokenise(texts)
        rows = self.reader.rows(tokens, [[number] for number in range(len(texts))] if articles is None else articles)
        probabilities = np.empty((len(texts), len(self.outputs)), dtype=np.float64)
        widths = [-(-len(row.ids) // WIDTH_STEP) * WIDTH_STEP for row in rows]
        longest = self.checkpoint.max_tokens if self.reader.plain else max(widths, default=0)
        for batch in batches_by_length(widths, self.batch_tokens):
            chosen = [rows[index] for index in batch]
            answers = [number for row in chosen for number in row.answers]
            probabilities[answers] = self._forward(chosen, min(widths[batch[0]], longest))
        return Scored(probabilities, truncated)

    def _forward(self, rows: list[Row], width: int) -> np.ndarray:
        import torch

        from sitrep.modelling.classifier import batch_of

        batch = batch_of(rows, self.tokenizer.pad_token_id, width, self.reader.pairs)
        answered = batch["spans"][..., 1] > 0
        with torch.inference_mode():
            try:
                output = self.model(**{name: values.to(self.device) for name, values in batch.items()})
            except torch.OutOfMemoryError:
                tokens = self.batch_tokens
                raise UserError(f"inference.batch_tokens={tokens}: the GPU's memory is too small; lower it") from None
            logits = output["logits"][answered.to(self.device)]
            scaled = logits.double() / self.temperature
            single = self.checkpoint.task is Task.single_label
            found = torch.softmax(scaled, dim=-1) if single else torch.sigmoid(scaled)
            probabilities: np.ndarray = found.cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise UserError(f"{self.checkpoint.folder}: the model gives no finite figures; its training diverged")
        return probabilities


def _load(checkpoint: Checkpoint) -> Any:
    """The model in fp32, its weights checked against its configuration."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from sitrep.modelling.classifier import load_sentence_classifier, wrap_classifier

    if not checkpoint.is_plain:
        return load_sentence_classifier(checkpoint.folder, len(checkpoint.outputs))
    model, report = AutoModelForSequenceClassification.from_pretrained(
        checkpoint.folder,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    for problem in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if found := sorted(map(str, report[problem])):
            raise UserError(
                f"{checkpoint.folder}: the weights do not fit config.json: {problem.replace('_', ' ')}: {found[0]}"
                + (f" and {len(found) - 1} more" if len(found) > 1 else "")
            )
    return wrap_classifier(model, checkpoint.context)
