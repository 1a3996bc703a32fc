"""Whether the probabilities mean what they say, and one temperature that brings them nearer to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Probabilities count as at least this in a logarithm, as in scikit-learn, so that one certain error is not endless."""
TEMPERATURE_BOUNDS = (0.1, 10.0)
FLAT_LOSS = 1e-4
"""In nats; where the loss differs by less between the best temperature and the bounds, none is better than another."""
FEW_LABELS_PRIOR = 0.3
"""Standard deviation of the logarithm of a temperature before a label was seen. Of 0.1, 0.3 and 1, on draws of 50 to
800 labels of real pages, the one that lowers the calibration error with few labels and loses nothing with many."""
FEWEST_UNITS = 50
"""Validation units below which no temperature is fitted."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Units of like confidence.

    Attributes:
        confidence: Mean probability of the predicted label.
        accuracy: Share of the units whose predicted label is right.
        low: Lower end of the 95 % interval of the accuracy (Wilson, "Probable inference", 1927).
        high: Upper end. Units of one article err alike, so that the true interval is somewhat wider.
        units: Number of them.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    units: int


@dataclass(frozen=True)
class CalibrationFigures:
    """How far probabilities can be taken at their word.

    Attributes:
        expected_calibration_error: Mean gap between confidence and accuracy over the bins, weighted by units.
        class_wise_error: The same for the probability of each label against the rest, by label.
        brier_score: Squared distance of the probabilities from the truth, summed over labels, from 0 to 2.
        negative_log_likelihood: Mean, in nats.
        bins: By rising confidence.
        units: Number scored.
    """

    expected_calibration_error: float
    class_wise_error: dict[str, float]
    brier_score: float
    negative_log_likelihood: float
    bins: tuple[ReliabilityBin, ...]
    units: int


@dataclass(frozen=True)
class Calibration:
    """Figures of the probabilities as they are, and at the temperature that validation asks for.

    Attributes:
        temperature: Above 1 the model is too sure of itself, below 1 not sure enough; ``None`` if not fitted.
        note: Why there is none; otherwise empty.
        before: Figures of the probabilities as they come.
        after: Of the same units at the temperature; ``None`` if there is none.
    """

    temperature: float | None
    note: str
    before: CalibrationFigures
    after: CalibrationFigures | None


def calibration_at(
    probabilities: np.ndarray, true: np.ndarray, labels: Sequence[str], temperature: float | None, note: str
) -> Calibration:
    """Score units before and after a temperature that was fitted on others.

    Args:
        probabilities: As they come, shape (units, labels).
        true: Indices of the true labels, shape (units,).
        labels: Names, in the order of the columns.
        temperature: ``None`` if none was fitted.
        note: Why not.

    Raises:
        ValueError: If there are no units.
    """
    before = calibration_figures(probabilities, true, labels)
    if temperature is None:
        return Calibration(None, note, before, None)
    return Calibration(
        temperature, note, before, calibration_figures(apply_temperature(probabilities, temperature), true, labels)
    )


def temperature_of(probabilities: np.ndarray, true: np.ndarray, units: int) -> tuple[float | None, str]:
    """The temperature that validation asks for, and a word on it.

    Args:
        probabilities: Of validation, as they come, shape (rows, labels).
        true: Indices of the true labels, shape (rows,).
        units: Number of validation units; differs from the rows where a unit has a row for each class.

    Returns:
        Temperature and an empty note; or ``None`` and why. None is fitted at a bound, where it says that validation
        holds too few errors, or nothing but errors, and would make every probability one or all of them alike; and
        none on a flat loss, where any would do.
    """
    if units < FEWEST_UNITS:
        return None, f"{units} validation units are too few to fit a temperature; {FEWEST_UNITS} are wanted"
    logits = log_probabilities(probabilities)
    temperature = fit_temperature(logits, true)
    if max(_loss(logits, true, bound) for bound in TEMPERATURE_BOUNDS) - _loss(logits, true, temperature) < FLAT_LOSS:
        return None, "no temperature was fitted: the loss on validation is the same at all of them"
    if any(np.isclose(temperature, bound, rtol=1e-2) for bound in TEMPERATURE_BOUNDS):
        why = "too few errors" if temperature < 1 else "too many errors"
        return None, f"no temperature was fitted: validation holds {why} to tell how sure the model may be"
    return temperature, ""


def fit_temperature(logits: np.ndarray, true: np.ndarray) -> float:
    """Find the temperature that gives the true labels the greatest likelihood.

    Guo et al., "On calibration of modern neural networks", 2017. The loss is convex in the inverse of the
    temperature, so that there is one minimum. Where the loss falls without end (every unit is right: towards 0;
    the model is no better than chance: upwards), the answer is the bound, 0.1 or 10.

    Args:
        logits: Shape (units, labels); logarithms of probabilities do as well.
        true: Indices of the true labels, shape (units,).

    Raises:
        ValueError: If there are no units.
    """
    from scipy.optimize import minimize_scalar

    if not len(true):
        raise ValueError("no units to fit a temperature on")
    logits = np.asarray(logits, dtype=np.float64)
    found = minimize_scalar(
        lambda log_temperature: _loss(logits, true, np.exp(log_temperature)),
        bounds=np.log(TEMPERATURE_BOUNDS),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def cautious_temperature(probabilities: np.ndarray, true: np.ndarray) -> float:
    """A temperature from a few labels, which stays near 1 unless they say otherwise.

    The mode under a normal prior of the temperature's logarithm; else as :func:`fit_temperature`. A shift of each
    class besides lost more than it gained with 50 to 800 labels (`docs/labelling.md`).

    Args:
        probabilities: Shape (rows, labels).
        true: Indices of the true labels, shape (rows,).
    """
    from scipy.optimize import minimize_scalar

    logits = log_probabilities(probabilities)

    def loss(logarithm: float) -> float:
        prior = logarithm**2 / (2 * FEW_LABELS_PRIOR**2)
        return len(true) * _loss(logits, true, float(np.exp(logarithm))) + prior

    low, high = np.log(TEMPERATURE_BOUNDS)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def _loss(logits: np.ndarray, true: np.ndarray, temperature: float) -> float:
    """Mean negative log likelihood in nats at a temperature."""
    from scipy.special import log_softmax

    return float(-log_softmax(logits / temperature, axis=1)[np.arange(len(true)), true].mean())


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at a temperature, ``softmax(log(p) / temperature)``; the order of the labels stays.

    Args:
        probabilities: Shape (units, labels). Those below 2e-16 count as that.
        temperature: Greater than 0.

    Returns:
        The same shape, float64; rows sum to one.
    """
    from scipy.special import softmax

    return np.asarray(softmax(log_probabilities(probabilities) / temperature, axis=-1))


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithms in float64; probabilities below 2e-16 count as that."""
    return np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), LEAST_PROBABILITY))


def outcome_pairs(probabilities: np.ndarray) -> np.ndarray:
    """Write independent probabilities, one for each label, as labellings with two outcomes.

    With them :func:`fit_temperature` and :func:`apply_temperature` scale the logit ``log(p / (1 - p))``: the softmax
    over two outcomes is the sigmoid of the difference. The true outcome is 1 where the label applies.

    Args:
        probabilities: Shape (units, labels), each from 0 to 1.

    Returns:
        Shape (units * labels, 2): that the label does not apply, and that it does.
    """
    applies = np.asarray(probabilities, dtype=np.float64).ravel()
    return np.column_stack([1 - applies, applies])


def calibration_figures(probabilities: np.ndarray, true: np.ndarray, labels: Sequence[str]) -> CalibrationFigures:
    """Score probabilities against the truth.

    The Brier score is the original one, summed over labels (Brier, "Verification of forecasts expressed in terms of
    probability", 1950); the log likelihood is that of scikit-learn's ``log_loss``. The class-wise error is by
    Kull et al., "Beyond temperature scaling", 2019; it is defined for labels that never occur too.

    Args:
        probabilities: Shape (units, labels).
        true: Indices of the true labels, shape (units,).
        labels: Names, in the order of the columns.

    Raises:
        ValueError: If there are no units.
    """
    if not len(true):
        raise ValueError("no units to score")
    truth = np.eye(len(labels))[true]
    bins = reliability_bins(probabilities.max(axis=1), probabilities.argmax(axis=1) == true)
    columns = zip(labels, np.asarray(probabilities).T, truth.T, strict=True)
    return CalibrationFigures(
        expected_calibration_error=expected_calibration_error(bins),
        class_wise_error={label: expected_calibration_error(reliability_bins(p, t > 0)) for label, p, t in columns},
        brier_score=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        negative_log_likelihood=float(-log_probabilities(probabilities)[np.arange(len(true)), true].mean()),
        bins=bins,
        units=len(true),
    )


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean gap between confidence and accuracy, weighted by units.

    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015. Chance alone makes it
    greater than 0, the more so the fewer units a bin holds.
    """
    gaps = sum(bin.units * abs(bin.accuracy - bin.confidence) for bin in bins)
    return gaps / sum(bin.units for bin in bins)


def reliability_bins(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Put units into bins of equal size by their confidence.

    Equal size rather than equal width: Nguyen & O'Connor, "Posterior calibration and exploratory analysis for
    natural language processing models", 2015; Nixon et al., "Measuring calibration in deep learning", 2019. Units
    of equal confidence share a bin, so that there may be fewer bins and of unequal size.

    Args:
        confidence: Probabilities, shape (units,).
        right: Whether what they are given to is the case, shape (units,).
        bins: At most so many.
    """
    from scipy.stats import binomtest

    _, group, sizes = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes + 1) / 2
    place = (middle * bins // max(len(confidence), 1)).astype(np.int64)[group]
    units = np.bincount(place, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    filled = []
    for count, hit, total in zip(units.tolist(), hits.tolist(), sums.tolist(), strict=True):
        if count:
            interval = binomtest(int(hit), count).proportion_ci(method="wilson")
            low, high = float(interval.low), float(interval.high)
            filled.append(ReliabilityBin(total / count, hit / count, low, high, count))
    return tuple(filled)
