"""What is fitted on the validation split when training ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.metrics.abstention import strictest
from sitrep.metrics.abstention import thresholds as choose_acceptance_thresholds
from sitrep.metrics.calibration import apply_temperature, outcome_pairs, temperature_of
from sitrep.metrics.multilabel import choose_thresholds, membership
from sitrep.metrics.scores import score
from sitrep.model.validation_fit import ValidationFit, number_articles
from sitrep.sentences import LabelledSentence

FOLDS = 5
"""Of articles, in cross-fitting."""


@dataclass(frozen=True)
class _Answers:
    """What the model gives units of one kind."""

    probabilities: np.ndarray
    true: np.ndarray
    articles: list[int]

    @classmethod
    def of(cls, predictor: Predictor, sentences: Sequence[LabelledSentence]) -> "_Answers":
        labels = predictor.taxonomy.labels
        return cls(
            predictor.probabilities_of_units(sentences),
            np.array([labels.index(sentence.label) for sentence in sentences]),
            number_articles([sentence.article_id for sentence in sentences]),
        )


def fit_on_validation(
    predictor: Predictor,
    sentences: Sequence[LabelledSentence],
    target_precision: float,
    foreign: Sequence[LabelledSentence] = (),
) -> ValidationFit:
    """Fit temperature and thresholds, and keep what the model gave each validation unit.

    Args:
        predictor: Of the trained model, not calibrated.
        sentences: The validation split.
        target_precision: Wanted share of right labels among those accepted unread.
        foreign: Units of pages of another origin: the temperature is fitted on both kinds, and of the thresholds of
            the two the stricter ones are taken. With many labels a sentence they play no part.
    """
    own = _Answers.of(predictor, sentences)
    probabilities, articles = own.probabilities, own.articles
    labels = predictor.taxonomy.labels
    if predictor.task is Task.multi_label:
        classes = predictor.class_names
        has = membership([sentence.labels for sentence in sentences], classes)
        pairs = outcome_pairs(probabilities)
        temperature, note = temperature_of(pairs, has.astype(int).ravel(), len(sentences))
        if temperature:
            probabilities = apply_temperature(pairs, temperature)[:, 1].reshape(probabilities.shape)
        thresholds = choose_thresholds(has, probabilities, classes)
        given = _labels_across_folds(predictor, has, probabilities, np.array(articles))
        acceptance_thresholds: dict[str, float | None] = {}
    else:
        kinds = [own, *([_Answers.of(predictor, foreign)] if foreign else [])]
        together = np.concatenate([kind.probabilities for kind in kinds])
        true = np.concatenate([kind.true for kind in kinds])
        temperature, note = temperature_of(together, true, len(true))
        thresholds = {}
        given, _ = predictor.choose(probabilities)
        acceptance_thresholds = strictest(
            [
                choose_acceptance_thresholds(
                    kind.true,
                    apply_temperature(kind.probabilities, temperature) if temperature else kind.probabilities,
                    np.array(kind.articles),
                    labels,
                    target_precision,
                )
                for kind in kinds
            ]
        )
    return ValidationFit(
        labels=list(labels),
        true=own.true.tolist(),
        predicted=[labels.index(label) for label in given],
        articles=articles,
        temperature=temperature,
        temperature_note=note,
        thresholds=thresholds,
        target_precision=target_precision,
        acceptance_thresholds=acceptance_thresholds,
    )


def _labels_across_folds(
    predictor: Predictor, has: np.ndarray, probabilities: np.ndarray, articles: np.ndarray
) -> list[str]:
    """The label of each unit, at thresholds that were chosen on the articles of the other folds.

    At thresholds that were chosen on a unit itself the model seems to err less than it does.
    """
    folds = articles % FOLDS
    given = np.empty(len(articles), dtype=object)
    for fold in np.unique(folds):
        inside = folds == fold
        fitted_on = ~inside if not inside.all() else inside  # a single article leaves no others
        thresholds = choose_thresholds(has[fitted_on], probabilities[fitted_on], predictor.class_names)
        given[inside] = predictor.choose(probabilities[inside], thresholds)[0]
    return given.tolist()


def validation_macro_f1(predictor: Predictor, fit: ValidationFit) -> float:
    """Macro-F1 of the labels that the model gave its validation units; 0 where it is undefined."""
    true, predicted = ([fit.labels[number] for number in numbers] for numbers in (fit.true, fit.predicted))
    return score(true, predicted, predictor.taxonomy).macro_f1 or 0.0
