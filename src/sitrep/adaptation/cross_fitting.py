"""What a checkpoint says of a user's labelled units, as it is and trained on with units of other pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sitrep.adaptation.own_units import OwnUnits
from sitrep.inference.checkpoint_encoder import load_encoder
from sitrep.inference.predictor import Predictor
from sitrep.inference.torch_engine import TorchEngine, load_classifier
from sitrep.labels import Task
from sitrep.metrics.calibration import LEAST_PROBABILITY, log_probabilities
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.hardware import choose_device, choose_precision
from sitrep.sentences import LabelledSentence
from sitrep.settings import Precision
from sitrep.training.further_training import put_between, train_on, weights_of

SHARE = 0.5
"""Of the way from the checkpoint's weights to those that were trained on. All of the way was measured too: surer of
itself and no better (`docs/labelling.md`)."""
FEWEST_TO_LEARN = 200
"""Units drawn at random below which nothing is learnt: with fewer the model got worse as often as better, and the units
are too few to tell."""

Told = Callable[[str], None]
"""Called with what is done now."""


@dataclass(frozen=True)
class CandidateLogits:
    """What one candidate says, before it is recalibrated.

    Attributes:
        own: Logits of the user's units, each by a model that did not learn from its page, shape (units, outputs).
        reference: Of the units whose pages nobody learnt from, for the curve of confidence; shape (units, outputs).
    """

    own: np.ndarray
    reference: np.ndarray


class FurtherTraining:
    """A checkpoint that can be trained on, and put back to where it was.

    Args:
        checkpoint: To begin with; not an ensemble.
        learning_rate: The highest.
        precision: Number format of the arithmetic.
        seed: Of the order of batches.

    Raises:
        UserError: If the weights cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint, learning_rate: float, precision: Precision, seed: int) -> None:
        self.checkpoint = checkpoint
        self.learning_rate = learning_rate
        self.seed = seed
        self.device = choose_device()
        self.precision = choose_precision(precision, self.device, "inference.precision")
        self.classifier: Any = load_classifier(checkpoint, checkpoint.folder).to(self.device)
        self.encoder = load_encoder(checkpoint)
        self.start = weights_of(self.classifier)
        self.temperature = (checkpoint.validation.temperature if checkpoint.validation else None) or 1.0

    def train(self, sentences: Sequence[LabelledSentence]) -> dict[str, Any]:
        """Weights that were trained on with these sentences, all of the way."""
        self.classifier.load_state_dict(self.start)
        taxonomy, task = self.checkpoint.taxonomy, self.checkpoint.task
        train_on(
            self.classifier,
            self.encoder,
            sentences,
            taxonomy,
            task,
            self.learning_rate,
            self.precision,
            self.seed,
        )
        return weights_of(self.classifier)

    def logits(self, sentences: Sequence[LabelledSentence], end: dict[str, Any], share: float) -> np.ndarray:
        """Logits of sentences at weights that lie between, at the checkpoint's own temperature."""
        if not sentences:
            return np.zeros((0, len(self.checkpoint.class_names)))
        put_between(self.classifier, self.start, end, share)
        engine = TorchEngine(self.classifier, self.device, self.precision)
        predictor = Predictor(engine, self.encoder, self.checkpoint.taxonomy, self.checkpoint.task)
        return logits_of(predictor.probabilities_of_units(sentences), predictor.task) / self.temperature


def cross_fit(
    training: FurtherTraining, own: OwnUnits, reference: Sequence[LabelledSentence], told: Told
) -> tuple[dict[float, CandidateLogits], dict[str, Any]]:
    """Train on with the units of all folds but one, and answer those of that one; for every fold.

    Returns:
        Logits by share of the way, 0 being the checkpoint as it is; and the weights that learnt from all units. Where
        the units are too few to learn from, there is the checkpoint alone.
    """
    start = training.start
    as_is = CandidateLogits(training.logits(own.sentences, start, 0.0), training.logits(reference, start, 0.0))
    if own.measuring.sum() < FEWEST_TO_LEARN:
        return {0.0: as_is}, start
    told("training on with all units")
    whole = training.train(own.sentences)
    of_reference = training.logits(reference, whole, SHARE)
    answers = np.zeros_like(as_is.own)
    folds = np.unique(own.folds)
    for count, fold in enumerate(folds, 1):
        told(f"training on without fold {count} of {len(folds)}")
        inside = own.folds == fold
        end = training.train([s for s, held_out in zip(own.sentences, inside, strict=True) if not held_out])
        held = [s for s, held_out in zip(own.sentences, inside, strict=True) if held_out]
        answers[inside] = training.logits(held, end, SHARE)
    return {0.0: as_is, SHARE: CandidateLogits(answers, of_reference)}, whole


def logits_of(probabilities: np.ndarray, task: Task) -> np.ndarray:
    """Logits that have these probabilities: logarithms with one label a sentence, log odds with many."""
    if task is Task.single_label:
        return log_probabilities(probabilities)
    clipped = np.clip(probabilities, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(clipped / (1 - clipped)))
