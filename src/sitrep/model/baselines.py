"""What one gets without a transformer, on the same split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sitrep.sentences import LabelledSentence


@dataclass(frozen=True)
class Baseline:
    """Labels that a simple method gives the test units.

    Attributes:
        name: As in ``metrics.json``.
        title: As in the report.
        predicted: One label a test unit, in its order.
    """

    name: str
    title: str
    predicted: list[str]


def baselines(train: Sequence[LabelledSentence], test: Sequence[LabelledSentence]) -> list[Baseline]:
    """Fit both baselines on ``train`` and label ``test``."""
    return [tfidf_logistic_regression(train, test), majority(train, test)]


def majority(train: Sequence[LabelledSentence], test: Sequence[LabelledSentence]) -> Baseline:
    """Give every unit the commonest label of the training split."""
    commonest = Counter(sentence.label for sentence in train).most_common(1)[0][0]
    return Baseline("majority", "Always the commonest label", [commonest] * len(test))


def tfidf_logistic_regression(train: Sequence[LabelledSentence], test: Sequence[LabelledSentence]) -> Baseline:
    """Logistic regression on TF-IDF of words and word pairs, the usual strong and cheap classifier of text."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # Single characters stay tokens: quotation marks and bars tell statements and menus from the rest.
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    # Stochastic average gradient ends ten times as soon as the default solver on sparse counts, at the same figure; the
    # tolerance of 0.01 saves half of its steps for 0.0002 of macro-F1.
    regression = LogisticRegression(C=10, max_iter=2000, solver="sag", random_state=0, tol=1e-2)
    classifier = make_pipeline(vectoriser, regression)
    classifier.fit([sentence.text for sentence in train], [sentence.label for sentence in train])
    predicted = classifier.predict([sentence.text for sentence in test])
    return Baseline("tfidf_logistic_regression", "TF-IDF + logistic regression", [str(label) for label in predicted])
