"""How near counts come to the truth, and how often their 95 % intervals hold it.

    python benchmarks/counts.py [sets=500]

Simulated sets: validation and target are drawn afresh each time. Sets of the shipped corpus: TF-IDF and logistic
regression label every article by cross-validation; validation and target are drawn from its articles, the target with
more of those that hold much of one label. The columns of the estimators are the mean absolute error of a label's count
in percent of the set's units; then come the share of intervals that hold the true number, over all labels and for the
worst one, and their mean width in percent of the units.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from arguments import options
from simulation import OTHER_SHARES, Articles, draw

from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.labels import shipped_taxonomy
from sitrep.metrics.counts import LabelledUnits, PredictedUnits, corrected_counts

LABELS = shipped_taxonomy("five").labels
Drawer = Callable[[np.random.Generator], tuple[Articles, Articles]]


def simulated() -> Iterator[tuple[str, Drawer]]:
    """Sets that differ in shares of the labels, numbers of articles, accuracy, and likeness within articles."""
    rare = np.array([0.30, 0.30, 0.001, 0.10, 0.299])
    yield "same shares", lambda rng: (draw(rng, 75), draw(rng, 75))
    yield "other shares", lambda rng: (draw(rng, 75), draw(rng, 75, shares=OTHER_SHARES))
    yield "a label almost absent", lambda rng: (draw(rng, 75), draw(rng, 75, shares=rare))
    yield "10 target articles", lambda rng: (draw(rng, 75), draw(rng, 10, shares=OTHER_SHARES))
    yield "400 target articles", lambda rng: (draw(rng, 75), draw(rng, 400, shares=OTHER_SHARES))
    yield "20 validation articles", lambda rng: (draw(rng, 20), draw(rng, 75, shares=OTHER_SHARES))
    yield "20 short, 20 long", lambda rng: (draw(rng, 20, 10), draw(rng, 20, 40, OTHER_SHARES))
    yield "accuracy 71 %", lambda rng: (draw(rng, 75, noise=0.6), draw(rng, 75, shares=OTHER_SHARES, noise=0.6))
    yield "accuracy 98 %", lambda rng: (draw(rng, 75, noise=0.25), draw(rng, 75, shares=OTHER_SHARES, noise=0.25))
    alone = partial(draw, in_articles=0)
    yield "units independent", lambda rng: (alone(rng, 75), alone(rng, 75, shares=OTHER_SHARES))


def from_corpus() -> Iterator[tuple[str, Drawer]]:
    """Sets of the shipped corpus."""
    corpus = labelled_corpus()
    yield "corpus", partial(two_parts, corpus, 75, None)
    for index, label in enumerate(LABELS):
        yield f"corpus, more {label}", partial(two_parts, corpus, 75, index)
    yield "corpus, 20 validation articles", partial(two_parts, corpus, 20, None)


def labelled_corpus() -> Articles:
    """The shipped corpus with probabilities of models that did not see the article."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    sentences = list(read_labelled(SHIPPED, Columns()))
    true = np.array([LABELS.index(sentence.label) for sentence in sentences])
    articles = np.unique([sentence.article_id for sentence in sentences], return_inverse=True)[1]
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]"),
        LogisticRegression(C=10, max_iter=2000),
    )
    texts = [sentence.text for sentence in sentences]
    folds = GroupKFold(5)
    found = cross_val_predict(classifier, texts, true, groups=articles, cv=folds, method="predict_proba")
    return Articles(articles, true, found)


def two_parts(corpus: Articles, size: int, more: int | None, rng: np.random.Generator) -> tuple[Articles, Articles]:
    """Draw validation articles, and 75 others with a preference for those that hold much of the label ``more``."""
    units = np.bincount(corpus.articles)
    order = rng.permutation(len(units))
    share = np.bincount(corpus.articles, weights=corpus.true == more) / units
    weights = np.exp(8 * share[order[size:]])
    target = rng.choice(order[size:], 75, replace=False, p=weights / weights.sum())
    return part(corpus, order[:size]), part(corpus, target)


def part(corpus: Articles, chosen: np.ndarray) -> Articles:
    """The units of some articles."""
    kept = np.isin(corpus.articles, chosen)
    return Articles(corpus.articles[kept], corpus.true[kept], corpus.probabilities[kept])


def rates(validation: Articles) -> np.ndarray:
    """Confusion of validation as shares of each true label, with the product's pseudo-counts."""
    confusion = np.full((len(LABELS), len(LABELS)), 1 / len(LABELS))
    np.add.at(confusion, (validation.true, validation.predicted), 1)
    return np.asarray(confusion / confusion.sum(axis=1, keepdims=True))


def likelihood_maximum(validation: Articles, raw: np.ndarray) -> np.ndarray:
    """Counts of greatest likelihood given the raw counts and the confusion, by EM."""
    shares, confusion = np.full(len(LABELS), 1 / len(LABELS)), rates(validation)
    for _ in range(300):
        shares = shares * (confusion @ (raw / raw.sum() / (shares @ confusion)))
    return np.asarray(shares * raw.sum())


def prior_adjusted(validation: Articles, target: Articles) -> np.ndarray:
    """Counts by EM on the probabilities (Saerens et al., "Adjusting the outputs of a classifier", 2002)."""
    prior = validation.probabilities.mean(axis=0)
    shares, ratios = prior, target.probabilities / prior
    for _ in range(60):
        shares = shares * (ratios.T @ (1 / (ratios @ shares))) / len(ratios)
    return np.asarray(shares * len(ratios))


def measure(drawer: Drawer, sets: int) -> tuple[dict[str, float], list[float]]:
    """Mean error of every estimator; coverage over all labels and for the worst, and mean width, in percent."""
    errors: dict[str, list[np.ndarray]] = {}
    held, widths = [], []
    for seed in range(sets):
        validation, target = drawer(np.random.default_rng(seed))
        truth = np.bincount(target.true, minlength=len(LABELS))
        raw = np.bincount(target.predicted, minlength=len(LABELS))
        known = LabelledUnits(validation.true, validation.predicted, validation.articles)
        found = corrected_counts(known, PredictedUnits(target.predicted, target.articles), LABELS).counts.values()
        estimates = {
            "raw count": raw,
            "sum of probabilities": target.probabilities.sum(axis=0),
            "EM on probabilities": prior_adjusted(validation, target),
            "EM on confusion": likelihood_maximum(validation, raw),
            "sitrep": np.array([count.corrected for count in found]),
        }
        for name, estimate in estimates.items():
            errors.setdefault(name, []).append(100 * abs(estimate - truth) / truth.sum())
        ends = np.array([(count.low, count.high) for count in found]).T
        held.append((np.floor(ends[0]) <= truth) & (truth <= np.ceil(ends[1])))
        widths.append(100 * (ends[1] - ends[0]) / truth.sum())
    coverage = 100 * np.mean(held, axis=0)
    intervals = [float(coverage.mean()), float(coverage.min()), float(np.mean(widths))]
    return {name: float(np.mean(all_)) for name, all_ in errors.items()}, intervals


def main() -> None:
    """Measure every kind of set and print one table."""
    sets = int(options("sets").get("sets", "500"))
    heading = True
    for kinds in (simulated, from_corpus):
        for name, drawer in kinds():
            errors, interval = measure(drawer, sets)
            if heading:
                columns = ["sets", *errors, "intervals that hold", "worst label", "width"]
                print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
                heading = False
            cells = [f"{error:.2f}" for error in errors.values()] + [f"{value:.1f} %" for value in interval]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
