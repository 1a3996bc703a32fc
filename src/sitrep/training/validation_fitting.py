"""What is fitted on the validation split when training ends."""

from collections.abc import Sequence

import numpy as np

from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.metrics.abstention import thresholds as choose_acceptance_thresholds
from sitrep.metrics.calibration import apply_temperature, outcome_pairs, temperature_of
from sitrep.metrics.multilabel import choose_thresholds, membership
from sitrep.metrics.scores import score
from sitrep.model.encoding import reading_order
from sitrep.model.validation_fit import ValidationFit, number_articles
from sitrep.sentences import LabelledSentence


def fit_on_validation(
    predictor: Predictor, sentences: Sequence[LabelledSentence], target_precision: float
) -> ValidationFit:
    """Fit temperature and thresholds, and keep what the model gave each validation unit.

    Args:
        predictor: Of the trained model, not calibrated.
        sentences: The validation split.
        target_precision: Wanted share of right labels among those accepted unread.
    """
    probabilities = predictor.predict_proba([s.text for s in sentences], reading_order(sentences))
    labels = predictor.taxonomy.labels
    true = np.array([labels.index(sentence.label) for sentence in sentences])
    articles = number_articles([sentence.article_id for sentence in sentences])
    if predictor.task is Task.multi_label:
        classes = predictor.class_names
        has = membership([sentence.labels for sentence in sentences], classes)
        pairs = outcome_pairs(probabilities)
        temperature, note = temperature_of(pairs, has.astype(int).ravel(), len(sentences))
        if temperature:
            probabilities = apply_temperature(pairs, temperature)[:, 1].reshape(probabilities.shape)
        thresholds = choose_thresholds(has, probabilities, classes)
        given, _ = predictor.choose(probabilities, thresholds)
        acceptance_thresholds: dict[str, float | None] = {}
    else:
        temperature, note = temperature_of(probabilities, true, len(sentences))
        if temperature:
            probabilities = apply_temperature(probabilities, temperature)
        thresholds = {}
        given, _ = predictor.choose(probabilities)
        acceptance_thresholds = choose_acceptance_thresholds(
            true, probabilities, np.array(articles), labels, target_precision
        )
    return ValidationFit(
        labels=list(labels),
        true=true.tolist(),
        predicted=[labels.index(label) for label in given],
        articles=articles,
        temperature=temperature,
        temperature_note=note,
        thresholds=thresholds,
        target_precision=target_precision,
        acceptance_thresholds=acceptance_thresholds,
    )


def validation_macro_f1(predictor: Predictor, fit: ValidationFit) -> float:
    """Macro-F1 of the labels that the model gave its validation units; 0 where it is undefined."""
    true, predicted = ([fit.labels[number] for number in numbers] for numbers in (fit.true, fit.predicted))
    return score(true, predicted, predictor.taxonomy).macro_f1 or 0.0
