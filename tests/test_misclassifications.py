import csv

import numpy as np
import pytest
from conftest import TAXONOMY

from sitrep.evaluation.misclassifications import misclassifications, suspects, with_neighbours, write_errors
from sitrep.sentences import LabelledSentence, Passage, Prediction

LABELS = TAXONOMY.labels
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = LABELS


def unit(text, label=NONE, article="a", position=0):
    return LabelledSentence(text, label, () if label == NONE else (label,), f"{article}{position}", article, position)


def said(sentence, label, confidence):
    rest = (1 - confidence) / 4
    probabilities = {name: confidence if name == label else rest for name in LABELS}
    return Prediction(Passage(sentence.id, sentence.article_id, 0, 0, 0, sentence.text), label, probabilities)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_error_is_there_surest_first_with_its_neighbours_in_the_article():
    article = [unit(f"s{n}", position=n) for n in (2, 0, 1, 3)]  # rows need not be in page order
    guesses = [said(article[0], BOILERPLATE, 0.6), said(article[1], BOILERPLATE, 0.9),
               said(article[2], NONE, 0.9), said(article[3], BOILERPLATE, 0.7)]  # fmt: skip
    found = misclassifications(article, guesses)
    assert [(e.sentence.text, e.confidence) for e in found] == [("s0", 0.9), ("s3", 0.7), ("s2", 0.6)]
    assert [(e.before, e.after) for e in found] == [((), ("s1",)), (("s1", "s2"), ()), (("s0", "s1"), ("s3",))]
    assert found[0].true_probability == pytest.approx(0.025)


def test_context_ends_with_the_article():
    rows = [unit("end of a", article="a"), unit("wrong", article="b"), unit("start of c", article="c")]
    guesses = [said(rows[0], NONE, 0.9), said(rows[1], TOLL, 0.9), said(rows[2], NONE, 0.9)]
    (error,) = misclassifications(rows, guesses)
    assert (error.before, error.after) == ((), ())


def test_no_errors_among_right_labels_and_among_no_units():
    assert misclassifications([unit("a")], [said(unit("a"), NONE, 0.9)]) == []
    assert misclassifications([], []) == []
    with pytest.raises(ValueError, match="shorter"):
        misclassifications([unit("a")], [])


def test_label_that_the_model_firmly_contradicts_is_suspected_and_a_close_call_is_not():
    rows = [unit(f"s{n}", LABELS[n % 5], position=n) for n in range(200)]
    guesses = [said(s, s.label, 0.9) for s in rows]
    guesses[7] = said(rows[7], BOILERPLATE, 0.97)  # is casualty_report
    guesses[23] = said(rows[23], NONE, 0.3)  # is boilerplate
    found = {error.sentence.text: error.suspected for error in misclassifications(rows, guesses)}
    assert found == {"s7": True, "s23": False}


def test_only_errors_are_suspected():
    generator = np.random.default_rng(0)
    rows = [unit(f"s{n}", LABELS[generator.integers(5)], position=n) for n in range(300)]
    guesses = [said(s, LABELS[generator.integers(5)], generator.uniform(0.3, 0.99)) for s in rows]
    flagged = suspects(rows, guesses)
    assert flagged.any()
    assert all(rows[n].label != guesses[n].label for n in np.flatnonzero(flagged))


def test_nothing_is_suspected_where_all_units_have_one_label():
    rows = [unit(f"s{n}", TOLL, position=n) for n in range(3)]
    assert not suspects(rows, [said(s, ATTACK, 0.9) for s in rows]).any()


def test_nearest_training_units_are_those_of_the_highest_cosine():
    generator = np.random.default_rng(0)
    training = [unit(f"t{n}", LABELS[n % 5], position=n) for n in range(50)]
    rows = [unit(f"s{n}", position=n) for n in range(7)]
    errors = misclassifications(rows, [said(s, TOLL, 0.9) for s in rows])
    vectors, reference = generator.normal(size=(7, 8)), generator.normal(size=(50, 8))
    for row, error in enumerate(with_neighbours(errors, vectors, training, reference)):
        cosines = reference @ vectors[row] / np.linalg.norm(reference, axis=1) / np.linalg.norm(vectors[row])
        best = np.argsort(-cosines)[:3]
        assert [n.text for n in error.neighbours] == [f"t{n}" for n in best]
        assert [n.label for n in error.neighbours] == [LABELS[n % 5] for n in best]
        assert [n.similarity for n in error.neighbours] == pytest.approx(cosines[best], abs=1e-12)


def test_neighbours_do_not_depend_on_how_the_product_is_cut(monkeypatch):
    generator = np.random.default_rng(0)
    training = [unit(f"t{n}", position=n) for n in range(11)]
    rows = [unit(f"s{n}", position=n) for n in range(7)]
    errors = misclassifications(rows, [said(s, TOLL, 0.9) for s in rows])
    vectors, reference = generator.normal(size=(7, 4)), generator.normal(size=(11, 4))
    whole = [[n.text for n in e.neighbours] for e in with_neighbours(errors, vectors, training, reference)]
    monkeypatch.setattr("sitrep.evaluation.misclassifications.CHUNK_SIMILARITIES", 25)
    assert [[n.text for n in e.neighbours] for e in with_neighbours(errors, vectors, training, reference)] == whole


def test_fewer_training_units_give_fewer_neighbours_and_wrong_shapes_are_refused():
    errors = misclassifications([unit("s")], [said(unit("s"), TOLL, 0.9)])
    (error,) = with_neighbours(errors, np.zeros((1, 2)), [unit("t")], np.ones((1, 2)))
    assert [(n.text, n.similarity) for n in error.neighbours] == [("t", 0)]
    assert with_neighbours(errors, np.ones((1, 2)), [], np.empty((0, 2))) == errors
    with pytest.raises(ValueError, match="2 and 1 vectors for 1 errors and 1 units"):
        with_neighbours(errors, np.zeros((2, 2)), [unit("t")], np.ones((1, 2)))


def test_table_survives_commas_quotes_and_new_lines(tmp_path):
    text = 'He said "no", then:\nnothing; "yes"'
    rows = [unit("before,\n1", position=0), unit(text, position=1), unit("after", position=2)]
    guesses = [said(rows[0], NONE, 0.9), said(rows[1], STATEMENT, 0.9), said(rows[2], NONE, 0.9)]
    errors = with_neighbours(misclassifications(rows, guesses), np.ones((1, 2)), rows[:1], -np.ones((1, 2)))
    write_errors(tmp_path / "errors.csv", errors)
    (row,) = rows_of(tmp_path / "errors.csv")
    assert (row["text"], row["before"], row["after"]) == (text, "before,\n1", "after")
    assert (row["true_label"], row["predicted_label"], row["suspected"]) == (NONE, STATEMENT, "False")
    assert row["probability_official_statement"] == "0.9"
    assert (row["neighbour_1_text"], row["neighbour_1_similarity"]) == ("before,\n1", "-1.0")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "＝"])
def test_text_cannot_become_a_formula_of_a_spreadsheet(tmp_path, start):
    sentence = unit(f'{start}HYPERLINK("http://x","y")', article="=1+1")
    write_errors(tmp_path / "errors.csv", misclassifications([sentence], [said(sentence, TOLL, 0.9)]))
    (row,) = rows_of(tmp_path / "errors.csv")
    assert row["text"] == f"'{sentence.text}"
    assert row["article_id"] == "'=1+1"
    assert row["position"] == "0"


def test_table_without_errors_is_a_header(tmp_path):
    write_errors(tmp_path / "errors.csv", [])
    assert (tmp_path / "errors.csv").read_text().startswith("id,article_id,position,text,true_label,predicted_label")
    assert rows_of(tmp_path / "errors.csv") == []
