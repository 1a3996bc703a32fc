"""How often a threshold keeps its promise on fresh units, and how much it lets through.

    python benchmarks/abstention.py [sets=300]

Every validation set is simulated anew; what its thresholds accept is looked at in 10,000 other articles. "Broken" is
the share of classes in which the precision there falls short of the target; at most 10 % is promised.
"""

import numpy as np
from arguments import options
from simulation import draw

from sitrep.labels import shipped_taxonomy
from sitrep.metrics.abstention import risk_coverage, thresholds

LABELS = shipped_taxonomy("five").labels


def measure(articles: int, target: float, noise: float, in_articles: float, sets: int) -> tuple[float, float, float]:
    """Shares of classes with a threshold and with a broken one, and the share of fresh units accepted."""
    fresh = draw(np.random.default_rng(0), 10_000, noise=noise, in_articles=in_articles)
    curves = [
        risk_coverage(fresh.true[own], fresh.probabilities[own])
        for own in (fresh.predicted == index for index in range(len(LABELS)))
    ]
    given, broken, accepted = [], [], []
    for seed in range(1, sets + 1):
        found = draw(np.random.default_rng(seed), articles, noise=noise, in_articles=in_articles)
        chosen = thresholds(found.true, found.probabilities, found.articles, LABELS, target)
        for curve, least in zip(curves, chosen.values(), strict=True):
            passed = 0 if least is None else int((curve.confidence >= least).sum())
            given.append(passed > 0)
            broken.append(passed > 0 and 1 - curve.risk[passed - 1] < target)
            accepted.append(curve.coverage[passed - 1] if passed else 0)
    return float(np.mean(given)), float(np.mean(broken)), float(np.mean(accepted))


def main() -> None:
    """Print the table."""
    sets = int(options("sets").get("sets", "300"))
    print("| validation articles | wanted precision | noise | common to an article | given | broken | accepted |")
    print("|" + "---|" * 7)
    for row in ((75, 0.9, 0.45, 0.25), (75, 0.95, 0.45, 0.25), (75, 0.9, 0.6, 0.25), (75, 0.9, 0.45, 0.0),
                (75, 0.9, 0.45, 0.6), (20, 0.9, 0.45, 0.25), (300, 0.9, 0.45, 0.25)):  # fmt: skip
        figures = measure(*row, sets)
        print(f"| {' | '.join(map(str, row))} | {' | '.join(f'{figure:.1%}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    main()
