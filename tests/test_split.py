import random

import pytest
from conftest import TAXONOMY, WITHOUT_NONE, rows, write_jsonl

from sitrep.data.loading import load_data
from sitrep.data.split import Split, check_split, hold_out
from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence


def sentences(*articles):
    return [
        LabelledSentence(f"{article} {n}", "none", (), f"{article}{n}", article, n)
        for article, size in articles
        for n in range(size)
    ]


def test_no_article_is_divided_and_nothing_is_lost():
    every = sentences(*((f"a{n}", 1 + n % 7) for n in range(40)))
    kept, held = hold_out(every, 0.3, seed=3)
    assert not {s.article_id for s in kept} & {s.article_id for s in held}
    assert sorted(s.id for s in kept + held) == sorted(s.id for s in every)
    assert 0.2 < len(held) / len(every) < 0.4


def test_division_depends_on_the_seed_and_not_on_the_order_of_rows():
    every = sentences(*((f"a{n}", 5) for n in range(40)))
    shuffled = random.Random(1).sample(every, len(every))
    first, second, other = (hold_out(part, 0.2, seed)[1] for part, seed in ((every, 1), (shuffled, 1), (every, 2)))
    assert {s.id for s in first} == {s.id for s in second}
    assert {s.id for s in first} != {s.id for s in other}


def test_toy_data_are_divided_into_three_with_every_label(data_settings):
    split = load_data(data_settings, TAXONOMY).split
    assert {name: len(articles) for name, articles in split.article_ids().items()} == {
        "train": 8,
        "validation": 2,
        "test": 2,
    }


def test_article_in_two_sets_is_refused(data_settings, tmp_path):
    data_settings.test_files = [str(write_jsonl(tmp_path / "test.jsonl", rows(2)))]
    with pytest.raises(UserError, match=r"article 'a\d' stands in .*test.*; units of one article must stay together"):
        load_data(data_settings, TAXONOMY)


def test_set_without_a_class_is_refused(data_settings, tmp_path):
    content = [row | {"id": f"t{row['id']}", "article_id": f"t{row['article_id']}"} for row in rows(2)]
    content = [row for row in content if row["label"] != "casualty_report"]
    data_settings.test_files = [str(write_jsonl(tmp_path / "test.jsonl", content))]
    with pytest.raises(UserError, match=r"the test set \(16 units of 2 articles\) has no casualty_report"):
        load_data(data_settings, TAXONOMY)


def test_validation_is_never_taken_from_the_test_files(data_settings, tmp_path):
    content = [row | {"id": f"t{row['id']}", "article_id": f"t{row['article_id']}"} for row in rows(2)]
    data_settings.test_files = [str(write_jsonl(tmp_path / "test.jsonl", content))]
    split = load_data(data_settings, TAXONOMY).split
    assert {s.article_id for s in split.test} == {"ta0", "ta1"}
    assert all(s.article_id.startswith("a") for s in split.validation)


def test_four_labels_leave_out_none_and_say_how_many(data_settings):
    data = load_data(data_settings, WITHOUT_NONE)
    assert data.left_out == 24
    assert all(s.label != "none" for part in data.split.parts().values() for s in part)


def test_digest_tells_changed_data_from_unchanged():
    one, other = sentences(("a", 3)), sentences(("a", 3))
    assert Split(tuple(one), (), ()).digests() == Split(tuple(other), (), ()).digests()
    changed = [*other[:2], LabelledSentence("new", "none", (), "a2", "a", 2)]
    assert Split(tuple(one), (), ()).digests() != Split(tuple(changed), (), ()).digests()


def test_empty_set_is_refused():
    with pytest.raises(UserError, match=r"the validation set \(0 units of 0 articles\) has no none"):
        check_split(Split(tuple(sentences(("a", 1))), (), tuple(sentences(("b", 1)))), ["none"])
