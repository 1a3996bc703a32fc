"""What each training setting costs in training and in prediction, in turns.

    python benchmarks/settings_speed.py [rounds=3] [articles=24] ROW...

Rows are those of `benchmarks/accuracy.py` that are no peers; `default` is always the first. Each is trained on the same
few articles of the shipped corpus with its whole schedule and then labels the test split, page by page. A round goes
through all rows; the table gives medians over the rounds. "Time" is that of the whole training against the default's,
so that longer schedules and further passes show in it.
"""

import statistics
from collections import defaultdict

from accuracy import DEFAULT, OWN, Run, arguments, draw_articles, settings_of, train_ours

from sitrep.data import Split, load_data

VALIDATION_ARTICLES = 3


def few(split: Split, articles: int) -> Split:
    """Some training articles, and so few of validation that scoring them in every epoch hardly counts."""
    drawn = draw_articles(split, articles, seed=1)
    kept = set(split.article_ids()["validation"][:VALIDATION_ARTICLES])
    validation = tuple(unit for unit in split.validation if unit.article_id in kept)
    return Split(drawn.train, validation, split.test)


def main() -> None:
    """Measure the rows in turns and print the table."""
    options, given = arguments({"rounds", "articles"})
    rows = [DEFAULT, *(row for row in given if row != DEFAULT)]
    base = settings_of(DEFAULT, 1)
    split = few(load_data(base.data, base.labels.label_set).split, int(options.get("articles", "24")))
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(int(options.get("rounds", "3"))):
        for row in rows:
            runs[row].append(train_ours(settings_of(row, 1), split, {OWN: split.test}))
            print(row, {name: round(value, 1) for name, value in runs[row][-1].figures.items()}, flush=True)
    medians = {row: [median(each, name) for name in COLUMNS] for row, each in runs.items()}
    seconds, _, predicted = medians[DEFAULT]
    print("\n| row | training, time | trained/s | predicted/s | predicted/s, ratio |\n|---|---|---|---|---|")
    for row, (own_seconds, own_trained, own_predicted) in medians.items():
        ratio = own_predicted / predicted
        print(f"| `{row}` | {own_seconds / seconds:.2f} | {own_trained:.0f} | {own_predicted:.0f} | {ratio:.2f} |")


def median(runs: list[Run], name: str) -> float:
    """Of one figure over the rounds."""
    return statistics.median(run.figures[name] for run in runs)


COLUMNS = ("training seconds", "trained/s", "predicted/s")

if __name__ == "__main__":
    main()
