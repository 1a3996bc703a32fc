import numpy as np
import pytest
from conftest import CLASSES, TAXONOMY, WITHOUT_NONE

from sitrep.evaluation.properties import carried_columns, derived_columns, places
from sitrep.evaluation.slices import clustered_difference, slices
from sitrep.metrics.scores import score
from sitrep.sentences import LabelledSentence

LABELS = TAXONOMY.labels
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = LABELS


def unit(number, label=NONE, article="a", text="a widow remembers the market", **fields):
    labels = () if label == NONE else (label,)
    return LabelledSentence(text, label, labels, f"{article}-{number}", article, number, fields)


def corpus(articles=20, units=10):
    """Two regions; every article holds every class, and its lines have 1 to 10 words."""
    return [
        unit(n, LABELS[n % 5], f"a{a}", " ".join(["word"] * (n + 1)), region="north" if a % 2 else "south")
        for a in range(articles)
        for n in range(units)
    ]


def one(found, column, value):
    (match,) = [item for item in found if (item.column, item.value) == (column, value)]
    return match


def test_columns_of_few_texts_or_whole_numbers_are_sliced_by():
    rows = [
        unit(
            n, region="ab"[n % 2], year=2000 + n % 3, url=f"u{n}", same="x", score=n / 2, tags=["t"], gap="yes "[n:][:3]
        )
        for n in range(61)
    ]
    columns = carried_columns(rows)
    assert set(columns) == {"region", "year", "gap"}
    assert columns["year"][:3] == ["2000", "2001", "2002"]
    assert columns["gap"][:5] == ["yes", "es", "s", None, None]


def test_column_that_only_some_rows_have_slices_those():
    columns = carried_columns([unit(0, source="x"), unit(1, source="y"), unit(2), unit(3, source=None)])
    assert columns == {"source": ["x", "y", None, None]}


def test_place_goes_by_the_page_not_by_the_order_of_the_rows():
    rows = [unit(n) for n in range(30)]
    by_position = dict(zip(range(30), places(rows), strict=True))
    assert [by_position[n] for n in (0, 1, 2, 3, 9, 10, 19, 20, 28, 29)] == [
        "first line", "first tenth", "first tenth", "rest of first third", "rest of first third", "middle third",
        "middle third", "last third", "last third", "last line",
    ]  # fmt: skip
    assert places(rows[::-1]) == places(rows)[::-1]
    assert places([unit(0, article="a"), unit(0, article="b"), unit(1, article="b")]) == [
        "only line", "first line", "last line",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "quoted"),
    [('"No," he said', "some"), ("“No,” he said", "some"), ("«Non»", "some"), ("'No,' he said", "some"),
     ("‘No’", "some"), ("`` No , '' he said", "some"), ("the army's guns, the rebels' guns", "none"),
     ("it wasn’t theirs’", "none")],
)  # fmt: skip
def test_quotation_marks_of_any_kind_are_found_and_apostrophes_are_not(text, quoted):
    assert (
        derived_columns([unit(0, text=text), unit(1, text='"' if quoted == "none" else "no")])["quotation marks"][0]
        == quoted
    )


def test_length_numbers_and_capitals_are_read_off_the_text():
    texts = ["AT LEAST 12 DEAD", "twelve soldiers died in the raid", "one of them fled", "word " * 41]
    columns = derived_columns([unit(n, text=text) for n, text in enumerate(texts)])
    assert columns["numbers"] == ["in digits", "in words only", "none", "none"]
    assert columns["length in words"] == ["4–8", "4–8", "4–8", "over 40"]
    assert columns["capitals"] == ["capitals only", *["mixed or lower case"] * 3]


def test_figures_of_a_slice_are_those_of_its_units_alone():
    rows = corpus()
    generator = np.random.default_rng(0)
    predicted = [s.label if generator.random() < 0.8 else LABELS[generator.integers(5)] for s in rows]
    found = one(slices(rows, predicted, TAXONOMY), "region", "north")
    mine = [(s.label, p) for s, p in zip(rows, predicted, strict=True) if s.fields["region"] == "north"]
    rest = [(s.label, p) for s, p in zip(rows, predicted, strict=True) if s.fields["region"] == "south"]
    alone, others = score(*zip(*mine, strict=True), TAXONOMY), score(*zip(*rest, strict=True), TAXONOMY)
    assert (found.units, found.articles) == (100, 10)
    assert found.macro_f1 == alone.macro_f1
    assert found.accuracy == alone.accuracy
    assert found.difference == pytest.approx(alone.accuracy - others.accuracy, abs=1e-12)


def test_macro_f1_of_a_slice_leaves_out_classes_that_are_not_in_it():
    rows = [unit(n, ATTACK, f"a{n}", kind="x") for n in range(4)] + [unit(9, STATEMENT, "b", kind="y")]
    predicted = [ATTACK, ATTACK, ATTACK, NONE, STATEMENT]
    found = slices(rows, predicted, TAXONOMY)
    assert one(found, "kind", "x").macro_f1 == pytest.approx(6 / 7)
    assert one(found, "kind", "y").macro_f1 == 1


def test_worst_come_first_and_small_slices_last():
    rows = corpus()
    rows += [unit(n, article="tiny", region="islet") for n in range(3)]
    predicted = [NONE if s.fields["region"] == "south" else s.label for s in rows[:-3]] + [ATTACK] * 3
    found = slices(rows, predicted, TAXONOMY)
    large = [item for item in found if not item.small]
    assert found == large + [item for item in found if item.small]
    assert [item.accuracy for item in large] == sorted(item.accuracy for item in large)
    assert {(item.value, item.p_value, item.worse) for item in found if item.column == "region" and item.small} == {
        ("islet", None, False)
    }
    assert one(found, "region", "south").worse
    assert not one(found, "region", "north").worse  # apart from the rest beyond chance, but better


def test_slices_of_chance_errors_are_not_called_worse():
    generator = np.random.default_rng(1)
    kinds = {f"c{c}": [f"v{generator.integers(10)}" for _ in range(400)] for c in range(20)}
    rows = [
        unit(n % 10, LABELS[n % 5], f"a{n // 10}", **{name: values[n] for name, values in kinds.items()})
        for n in range(400)
    ]
    predicted = [s.label if generator.random() < 0.8 else BOILERPLATE for s in rows]
    found = slices(rows, predicted, TAXONOMY)
    assert min(item.p_value for item in found if item.p_value is not None) < 0.05  # one by one, some would be believed
    assert not any(item.worse for item in found if item.column in kinds)


def test_slice_of_too_few_articles_is_not_tested():
    rows = [unit(n, ATTACK, f"a{n // 30}", kind="x" if n < 120 else "y") for n in range(300)]
    found = one(slices(rows, [NONE if n < 120 else ATTACK for n in range(300)], TAXONOMY), "kind", "x")
    assert (found.articles, found.difference, found.p_value, found.worse) == (4, -1, None, False)


def test_no_units_have_no_slices_and_lengths_must_match():
    assert slices([], [], TAXONOMY) == []
    assert slices([unit(0)], [NONE], TAXONOMY) == []  # nothing parts one unit from itself
    with pytest.raises(ValueError, match="1 sentences against 0"):
        slices([unit(0)], [], TAXONOMY)


def test_test_is_that_of_a_regression_with_variances_clustered_by_article():
    generator = np.random.default_rng(3)
    article = generator.integers(0, 12, 300)
    inside = generator.random(300) < 0.4
    right = (generator.random(300) < 0.7).astype(float)
    design = np.column_stack([np.ones(300), inside])
    bread = np.linalg.inv(design.T @ design)
    residuals = right - design @ (bread @ design.T @ right)
    sums = np.array([design[article == a].T @ residuals[article == a] for a in range(12)])
    error = np.sqrt((bread @ sums.T @ sums @ bread)[1, 1] * 12 / 11)
    units = np.array([np.bincount(article, weights=side, minlength=12) for side in (inside, ~inside)])
    correct = np.array([np.bincount(article, weights=side * right, minlength=12) for side in (inside, ~inside)])
    found = clustered_difference(units, correct)
    assert found.value == pytest.approx(right[inside].mean() - right[~inside].mean(), abs=1e-12)
    half = 2.2009851600828376 * error  # 97.5th percentile of Student's t with 11 degrees of freedom
    assert found.interval == pytest.approx((found.value - half, found.value + half), abs=1e-9)


def test_of_one_unit_an_article_the_error_is_the_textbook_one():
    units = np.array([[1] * 40 + [0] * 60, [0] * 40 + [1] * 60])
    right = np.array([[1] * 30 + [0] * 70, [0] * 40 + [1] * 54 + [0] * 6])
    found = clustered_difference(units, right)
    error = np.sqrt((0.75 * 0.25 / 40 + 0.9 * 0.1 / 60) * 40 / 39)
    assert found.value == pytest.approx(-0.15, abs=1e-12)
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * 2.0226909200367604 * error, abs=1e-9)


def test_no_difference_at_all_has_a_p_value_of_one():
    units = np.full((2, 3), 4)
    assert clustered_difference(units, units).p_value == 1
    assert clustered_difference(units, np.array([[4] * 3, [0] * 3])).p_value == 0
    with pytest.raises(ValueError, match="at least two articles"):
        clustered_difference(np.array([[3, 0], [0, 3]]), np.zeros((2, 2)))


def test_slices_hold_for_four_labels_too():
    rows = [unit(n, CLASSES[n % 4], f"a{n // 8}", side="lr"[n % 2]) for n in range(80)]
    found = slices(rows, [s.label for s in rows], WITHOUT_NONE)
    assert one(found, "side", "l").macro_f1 == 1
