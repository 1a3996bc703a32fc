"""How often a confidence is right on pages of another kind: a curve known from many units, moved by what few say."""

from dataclasses import dataclass

import numpy as np

KNOTS = (1.0, 2.5, 3.5)
"""In the logit of the confidence, where the curve may bend: probabilities of 0.73, 0.92 and 0.97."""
CURVE_PRIOR = 1.0
"""Standard deviation of each bend, and of the slope around 1."""
MOVE_PRIOR = 1.0
"""Of the move, in logits; pages unlike the known ones were 0.3 to 1.0 below."""
DOUBT = 1.2816
"""Standard errors of the move by which units may be right less often than it says: 90 % one-sided."""
FEWEST_ACCEPTED = 20
"""Labelled units from which on the share of right ones among the accepted has a say of its own."""


@dataclass(frozen=True)
class ReliabilityCurve:
    """Probability of being right as a function of the confidence.

    Attributes:
        coefficients: Of the curve's terms, in logits.
        move: Added to it for pages of another kind.
        error: Standard error of the move.
    """

    coefficients: np.ndarray
    move: float = 0.0
    error: float = 0.0

    def __call__(self, confidence: np.ndarray) -> np.ndarray:
        """Probability of being right, shape (units,)."""
        return _sigmoid(_terms(confidence) @ self.coefficients + self.move)


def fit_curve(confidence: np.ndarray, right: np.ndarray) -> ReliabilityCurve:
    """Fit the curve to units of which there are many, by logistic regression on a broken line.

    Args:
        confidence: Probability of the label given, shape (units,).
        right: Whether it is the true one, shape (units,).
    """
    terms = _terms(confidence)
    centre = np.zeros(terms.shape[1])
    centre[1] = 1.0
    spread = np.full(terms.shape[1], CURVE_PRIOR)
    spread[0] = 3.0
    found, _ = _regression(terms, right, centre, spread, np.zeros(len(right)))
    return ReliabilityCurve(found)


def move_curve(curve: ReliabilityCurve, confidence: np.ndarray, right: np.ndarray) -> ReliabilityCurve:
    """Move the curve to what units of another kind say; its form stays.

    Args:
        curve: Of many units.
        confidence: Of the few, as given by a model that has not learnt from them, shape (units,).
        right: Whether their label is true, shape (units,).
    """
    offset = _terms(confidence) @ curve.coefficients
    ones = np.ones((len(right), 1))
    found, variance = _regression(ones, right, np.zeros(1), np.array([MOVE_PRIOR]), offset)
    return ReliabilityCurve(curve.coefficients, float(found[0]), float(np.sqrt(variance[0, 0])))


def least_confidence(
    curve: ReliabilityCurve, confidence: np.ndarray, right: np.ndarray, target_precision: float
) -> float | None:
    """The lowest confidence from which on units can be accepted.

    The mean over the accepted of what the curve says, at the lower end of what is known of its move, has to reach the
    target, and so has the share of right ones among the accepted units whose label is known, as soon as these are
    :data:`FEWEST_ACCEPTED`: where there are many, they say more than the form of a curve of other pages.

    Args:
        curve: Moved to the kind of pages.
        confidence: Of the labelled units of that kind, shape (units,).
        right: Whether their label is true, shape (units,).
        target_precision: Wanted share of right labels among those accepted.

    Returns:
        ``None`` where no confidence that occurs reaches it.
    """
    order = np.argsort(-confidence, kind="stable")
    low = ReliabilityCurve(curve.coefficients, curve.move - DOUBT * curve.error)
    accepted = np.arange(1, len(order) + 1)
    expected = np.cumsum(low(confidence[order])) / accepted
    seen = np.cumsum(right[order]) / accepted
    enough = (expected >= target_precision) & ((seen >= target_precision) | (accepted < FEWEST_ACCEPTED))
    reached = np.flatnonzero(enough)
    return float(confidence[order][reached.max()]) if len(reached) else None


def _terms(confidence: np.ndarray) -> np.ndarray:
    clipped = np.clip(confidence, 1e-4, 1 - 1e-4)
    logit = np.log(clipped / (1 - clipped))
    return np.stack([np.ones_like(logit), logit, *(np.maximum(logit - knot, 0) for knot in KNOTS)], axis=1)


def _regression(
    terms: np.ndarray, right: np.ndarray, centre: np.ndarray, spread: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression with normal priors by Newton's method: coefficients and their covariance."""
    precision = np.diag(1 / spread**2)
    found = centre.copy()
    for _ in range(50):
        likely = _sigmoid(terms @ found + offset)
        gradient = terms.T @ (right - likely) - precision @ (found - centre)
        curvature = (terms * (likely * (1 - likely))[:, None]).T @ terms + precision
        step = np.linalg.solve(curvature, gradient)
        found = found + step
        if np.abs(step).max() < 1e-8:
            break
    return found, np.linalg.inv(curvature)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))
