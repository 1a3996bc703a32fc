"""What is fitted on the validation split when a training run ends."""

from collections.abc import Sequence

import numpy as np

from sitrep.evaluation.abstention import thresholds as acceptance_thresholds
from sitrep.evaluation.calibration import apply_temperature, outcome_pairs, temperature_of
from sitrep.evaluation.label_sets import choose_thresholds, membership
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.modelling.rows import reading_order
from sitrep.sentences import LabelledSentence
from sitrep.validation import ValidationFit, number_articles


def fit_on_validation(
    predictor: Predictor, sentences: Sequence[LabelledSentence], target_precision: float
) -> ValidationFit:
    """Fit temperature and thresholds, and keep what the model gave each validation unit.

    Args:
        predictor: Of the checkpoint, not calibrated.
        sentences: The validation split.
        target_precision: Wanted share of right labels among those accepted unread.
    """
    probabilities = predictor.score([s.text for s in sentences], reading_order(sentences)).probabilities
    labels = predictor.labels
    true = np.array([labels.index(sentence.label) for sentence in sentences])
    articles = number_articles([sentence.article_id for sentence in sentences])
    several = predictor.checkpoint.task is Task.multi_label
    if several:
        temperature, note = temperature_of(outcome_pairs(probabilities), _applies(sentences), len(sentences))
        if temperature:
            pairs = apply_temperature(outcome_pairs(probabilities), temperature)
            probabilities = pairs[:, 1].reshape(probabilities.shape)
        chosen = choose_thresholds(sentences, probabilities)
        given, _ = predictor.choose(probabilities, chosen)
        accept: dict[str, float | None] = {}
    else:
        temperature, note = temperature_of(probabilities, true, len(sentences))
        if temperature:
            probabilities = apply_temperature(probabilities, temperature)
        chosen = {}
        given, _ = predictor.choose(probabilities)
        accept = acceptance_thresholds(true, probabilities, np.array(articles), labels, target_precision)
    return ValidationFit(
        labels=list(labels),
        true=true.tolist(),
        predicted=[labels.index(label) for label in given],
        articles=articles,
        temperature=temperature,
        temperature_note=note,
        thresholds=chosen,
        target_precision=target_precision,
        accept=accept,
    )


def _applies(sentences: Sequence[LabelledSentence]) -> np.ndarray:
    """Whether each class applies, in the order of the rows of ``outcome_pairs``."""
    return membership([sentence.labels for sentence in sentences]).astype(int).ravel()
