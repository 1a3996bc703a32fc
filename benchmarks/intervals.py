"""How often 95 % intervals and tests hold what they promise, on simulated articles whose truth is known.

    python benchmarks/intervals.py [sets=1000] [draws=1000]

The articles have 5 to 60 units, a mix of labels of their own and an error rate of their own; two runs share the
difficulty of an article in part. The truth is the figure of 400,000 simulated articles. `chosen` is what
`sitrep.metrics.intervals` and `sitrep.metrics.significance` compute. Some minutes on one free core.
"""

import functools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from arguments import options
from scipy import special, stats

from sitrep.labels import shipped_taxonomy
from sitrep.metrics.intervals import Interval, rate_interval
from sitrep.metrics.resampling import effective_articles, resample, standard_error
from sitrep.metrics.scores import Rates, rates
from sitrep.metrics.significance import difference

TAXONOMY = shipped_taxonomy("five")
LABELS = TAXONOMY.labels
SIZES = (15, 30, 60, 90)
MIX = np.array([0.20, 0.20, 0.10, 0.22, 0.28])
TAIL = 0.025
USUAL, FEW = (0.10, 0.17, 0.10, 0.06, 0.18), (0.03, 0.05, 0.02, 0.02, 0.06)


@dataclass(frozen=True)
class Scenario:
    """What the simulated articles are like.

    Attributes:
        errors: Error rate of each label in an article of middling difficulty.
        spread: Standard deviation of the articles' log odds of an error.
        evenness: Sum of the Dirichlet parameters of an article's mix of labels: the lower, the less alike.
    """

    errors: tuple[float, ...]
    spread: float
    evenness: float


SCENARIOS = {
    "usual": Scenario(USUAL, 0.8, 6.0),
    "strong clusters": Scenario(USUAL, 1.5, 2.0),
    "few errors": Scenario(FEW, 0.8, 6.0),
}
BETTER = 0.15
"""Log odds by which the second run errs less often, where the truth is that it is better."""


def simulate(rng: np.random.Generator, articles: int, scenario: Scenario, better: float = 0.0) -> np.ndarray:
    """Confusion counts of two runs by article, shape (articles, 2, labels, labels)."""
    sizes = np.round(np.exp(rng.uniform(np.log(5), np.log(60), articles))).astype(int)
    support = rng.multinomial(sizes, rng.dirichlet(scenario.evenness * MIX, articles))
    shared = rng.normal(0, scenario.spread, (articles, 1))
    elsewhere = np.tile(MIX + 0.1, (len(LABELS), 1)) * (1 - np.eye(len(LABELS)))
    elsewhere /= elsewhere.sum(axis=1, keepdims=True)
    counts = np.zeros((articles, 2, len(LABELS), len(LABELS)), dtype=np.int64)
    for run, gain in enumerate((0.0, better)):
        own = rng.normal(0, scenario.spread / 2, (articles, 1))
        wrong = rng.binomial(support, special.expit(special.logit(np.array(scenario.errors)) + shared + own - gain))
        for label in range(len(LABELS)):
            counts[:, run, label] = rng.multinomial(wrong[:, label], elsewhere[label])
            counts[:, run, label, label] += support[:, label] - wrong[:, label]
    return counts


def figures(counts: np.ndarray) -> dict[str, np.ndarray]:
    """The figures that are looked at, by name."""
    return by_name(rates(counts, TAXONOMY))


def by_name(found: Rates) -> dict[str, np.ndarray]:
    """The figures that are looked at; casualty reports are the rarest label."""
    rare = LABELS.index("casualty_report")
    return {
        "macro-F1": found.macro_f1,
        "accuracy": found.accuracy,
        "rare precision": found.precision[..., rare],
        "rare recall": found.recall[..., rare],
        "rare F1": found.f1[..., rare],
    }


@functools.cache
def true_figures(scenario: Scenario, better: float) -> dict[str, np.ndarray]:
    """The figures of both runs over so many articles that chance has no part in them."""
    return figures(simulate(np.random.default_rng(1), 400_000, scenario, better).sum(axis=0))


def intervals(value: float, drawn: np.ndarray, left_out: np.ndarray, articles: float) -> Iterator[tuple[str, Interval]]:
    """The interval of a figure by each method; ``left_out`` holds the figure without each article in turn."""
    if np.isnan(value) or articles < 2:
        return
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [TAIL, 1 - TAIL])
    yield "percentile", Interval(low, high)
    yield "basic", Interval(2 * value - high, 2 * value - low)
    yield "BCa", _bca(value, known, left_out[~np.isnan(left_out)])
    margin = stats.t.ppf(1 - TAIL, articles - 1) * standard_error(drawn, articles)
    yield "t", Interval(value - margin, value + margin)
    chosen = rate_interval(value, drawn, articles)
    if chosen:
        yield "chosen", chosen


def _bca(value: float, known: np.ndarray, left_out: np.ndarray) -> Interval:
    """Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 14.3; ties count half."""
    below = np.mean(known < value) + np.mean(known == value) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / len(known), 1 - 1 / len(known)))
    apart = left_out.mean() - left_out
    squares = (apart**2).sum()
    skew = (apart**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
    shifted = bias + stats.norm.ppf([TAIL, 1 - TAIL])
    low, high = np.quantile(known, stats.norm.cdf(bias + shifted / (1 - skew * shifted)))
    return Interval(low, high)


def _bootstrap_t(counts: np.ndarray, draws: int, seed: int) -> Interval:
    """Of accuracy, on the scale of log odds, with each draw's own standard error.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5. Draws without an error are left out.
    """
    right, units = np.diagonal(counts, axis1=1, axis2=2).sum(axis=1), counts.sum(axis=(1, 2))
    moments = np.stack([right, units, right**2, right * units, units**2], axis=1)

    def log_odds_and_error(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hits, size, hits2, cross, size2 = np.moveaxis(totals, -1, 0)
        share = hits / size
        error = np.sqrt(hits2 - 2 * share * cross + share**2 * size2) / size
        error = np.where(share < 1, error / np.maximum(share * (1 - share), 1e-9), np.nan)
        return special.logit(share), error

    centre, error = log_odds_and_error(moments.sum(axis=0))
    drawn, drawn_error = log_odds_and_error(resample(moments, draws, seed))
    low, high = np.nanquantile((drawn - centre) / drawn_error, [TAIL, 1 - TAIL])
    return Interval(float(special.expit(centre - high * error)), float(special.expit(centre - low * error)))


def coverage(scenario: Scenario, articles: int, sets: int, draws: int) -> None:
    """Print one row a method: share of the simulated data sets whose interval holds the truth, by figure.

    Of the data sets in which the figure is defined and has an interval.
    """
    truth = {name: float(both[0]) for name, both in true_figures(scenario, 0.0).items()}
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for number in range(sets):
        counts = simulate(np.random.default_rng([number, articles]), articles, scenario)[:, 0]
        total = counts.sum(axis=0)
        found, drawn = figures(total), figures(resample(counts, draws, number))
        without = figures(total - counts)
        for name, having in by_name(effective_articles(counts, TAXONOMY)).items():
            for method, bounds in intervals(float(found[name]), drawn[name], without[name], float(having)):
                hits[method][name].append(bool(bounds.low <= truth[name] <= bounds.high))
        bounds = _bootstrap_t(counts, draws, number)
        hits["bootstrap-t"]["accuracy"].append(bool(bounds.low <= truth["accuracy"] <= bounds.high))
    for method, by_figure in hits.items():
        row = [f"{np.mean(by_figure[name]):.1%}" if name in by_figure else "–" for name in truth]
        print(f"| {articles} | {method} | {' | '.join(row)} |", flush=True)


def differences(scenario: Scenario, articles: int, sets: int, draws: int) -> None:
    """Print coverage of the interval of a difference in macro-F1, by quantiles and as chosen, and false alarms."""
    cells = []
    for better in (0.0, BETTER):
        truth = float(true_figures(scenario, better)["macro-F1"] @ [1, -1]) if better else 0.0
        quantiles, chosen, alarms = [], [], []
        for number in range(sets):
            counts = simulate(np.random.default_rng([number, articles]), articles, scenario, better)
            found, drawn = figures(counts.sum(axis=0))["macro-F1"], figures(resample(counts, draws, number))["macro-F1"]
            low, high = np.quantile(drawn @ [1, -1], [TAIL, 1 - TAIL])
            quantiles.append(low <= truth <= high)
            effective = effective_articles(counts.sum(axis=1), TAXONOMY).macro_f1
            ours = difference(found, drawn, float(effective))
            assert ours.interval is not None
            assert ours.p is not None
            chosen.append(ours.interval.low <= truth <= ours.interval.high)
            alarms.append(ours.p < 2 * TAIL)
        cells += [f"{truth:+.3f}", f"{np.mean(quantiles):.1%}", f"{np.mean(chosen):.1%}", f"{np.mean(alarms):.1%}"]
    print(f"| {articles} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print both tables for every scenario."""
    given = options("sets", "draws")
    sets, draws = int(given.get("sets", "1000")), int(given.get("draws", "1000"))
    for name, scenario in SCENARIOS.items():
        print(f"\n{name}\n\n| articles | method | macro-F1 | accuracy | rare precision | rare recall | rare F1 |")
        print("|---|---|---|---|---|---|---|")
        for articles in SIZES:
            coverage(scenario, articles, sets, draws)
        print("\n| articles | truth | percentile | chosen | p < 0.05 | truth | percentile | chosen | p < 0.05 |")
        print("|---|---|---|---|---|---|---|---|---|")
        for articles in SIZES:
            differences(scenario, articles, sets, draws)


if __name__ == "__main__":
    main()
