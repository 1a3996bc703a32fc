"""Labels that contradict each other, are out of balance, or look wrong to a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from sitrep.data.leakage import Placed
from sitrep.pages.similarity import SHORT_WORDS
from sitrep.quality.findings import EXAMPLES_SHOWN, Finding, Severity, Suggestion, example
from sitrep.sentences import LabelledSentence

RARE_SHARE = 0.02
SHIFT = 0.1
FOLDS = 5


def conflicts(by_text: Mapping[str, Sequence[Placed]]) -> list[Finding]:
    """Find texts that stand under different labels.

    Args:
        by_text: Units by normalised text.
    """
    found = [(text, group) for text, group in by_text.items() if len({unit.label for _, unit in group}) > 1]
    if not found:
        return []
    found.sort(key=lambda item: len(item[0].split()) < SHORT_WORDS)  # furniture that recurs last, the rest in order
    first_text, _ = found[0]
    severity = Severity.hint if len(first_text.split()) < SHORT_WORDS else Severity.warning
    shown = [
        example(", ".join(f"{unit.id} is {unit.label}" for _, unit in group[:3]), group[0][1].text)
        for _, group in found[:EXAMPLES_SHOWN]
    ]
    message = (
        f"{len(found):,} texts stand under different labels; decide one, unless their articles make the difference"
    )
    return [Finding("conflicting_labels", severity, message, len(found), shown)]


def balance_findings(balance: Mapping[str, Mapping[str, int]]) -> list[Finding]:
    """Find labels that are missing, rare, or differently frequent from set to set.

    Args:
        balance: By set, units of each label, absent ones as 0.
    """
    findings = []
    shares = {
        name: {label: n / max(1, sum(counts.values())) for label, n in counts.items()}
        for name, counts in balance.items()
    }
    for name, counts in balance.items():
        missing = [label for label, n in counts.items() if n == 0]
        rare = [label for label, n in counts.items() if n and shares[name][label] < RARE_SHARE]
        if missing:
            message = f"the {name} set has no {' and no '.join(missing)}; training refuses it"
            findings.append(Finding("missing_label", Severity.error, message, len(missing)))
        if rare:
            message = f"in the {name} set {' and '.join(rare)} make up less than {RARE_SHARE:.0%}: shaky figures there"
            findings.append(Finding("rare_label", Severity.hint, message, len(rare)))
    if "train" in shares:
        for name in shares.keys() - {"train"}:
            apart = [label for label in shares[name] if abs(shares[name][label] - shares["train"][label]) > SHIFT]
            if apart:
                message = f"the share of {' and of '.join(apart)} in {name} is more than {SHIFT:.0%} off that in train"
                findings.append(Finding("label_shift", Severity.hint, message, len(apart)))
    return findings


def suspected_errors(sentences: Sequence[LabelledSentence], labels: Sequence[str]) -> list[Suggestion]:
    """Rank units by how little an out-of-fold model believes their label.

    Confident learning (Northcutt, Jiang and Chuang, JAIR 2021) as `cleanlab` does it, over probabilities of a logistic
    regression on sentence embeddings and TF-IDF, each unit judged by a model that has not seen its article.

    Args:
        sentences: At least one article a fold.
        labels: In the order of the taxonomy; those that do not occur are passed over.

    Returns:
        Every unit on which the model disagrees with the label or that confident learning counts as an error.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    present = [label for label in labels if any(sentence.label == label for sentence in sentences)]
    given = np.array([present.index(sentence.label) for sentence in sentences])
    probabilities = _out_of_fold(sentences, given, len(present))
    scores = get_label_quality_scores(given, probabilities, method="self_confidence", adjust_pred_probs=False)
    issues = find_label_issues(given, probabilities, n_jobs=1)
    best = probabilities.argmax(axis=1)
    suspects = [index for index in np.argsort(scores, kind="stable") if best[index] != given[index] or issues[index]]
    return [
        Suggestion(
            place=sentences[index].place,
            id=sentences[index].id,
            article_id=sentences[index].article_id,
            text=sentences[index].text,
            label=sentences[index].label,
            suggested=present[best[index]],
            label_probability=float(probabilities[index, given[index]]),
            suggested_probability=float(probabilities[index, best[index]]),
            score=float(scores[index]),
            issue=bool(issues[index]),
        )
        for index in suspects
    ]


def _out_of_fold(sentences: Sequence[LabelledSentence], given: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities, shape (sentences, classes); whole articles are left out at a time."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    texts = [sentence.text for sentence in sentences]
    articles = [sentence.article_id for sentence in sentences]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+|[^\w\s]")
    features = hstack([words.fit_transform(texts), csr_matrix(_embeddings(texts))]).tocsr()
    probabilities = np.zeros((len(sentences), classes))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for train, held in folds.split(features, given, articles):
        model = LogisticRegression(C=3, max_iter=500).fit(features[train], given[train])
        probabilities[np.ix_(held, model.classes_)] = model.predict_proba(features[held])
    return probabilities


def _embeddings(texts: Sequence[str]) -> np.ndarray:
    """Unit-length sentence embeddings of the packaged backbone, shape (texts, 384)."""
    from sitrep.inference.embedding import Embedder

    return Embedder().embed(texts)
