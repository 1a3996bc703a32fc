import numpy as np
import pytest
from conftest import TAXONOMY
from test_encoding import encoder

from sitrep.labels import Task
from sitrep.sentences import LabelledSentence
from sitrep.settings import Context
from sitrep.training.distillation import wanted_probabilities
from sitrep.training.examples import IGNORED, UNLEARNT, Collator, Examples, RowBatches


def sentences(*lengths, article="a"):
    return [
        LabelledSentence(" ".join(["11"] * length), "none", (), f"{article}{n}", article, n)
        for n, length in enumerate(lengths)
    ]


def made_of(given, context):
    return Examples(given, encoder(context), TAXONOMY, wanted_probabilities(given, TAXONOMY, Task.single_label, 0.0))


def examples(context, *parts):
    return made_of([s for part in parts for s in part], context)


def test_sentences_of_an_article_are_read_in_the_order_of_their_position():
    given = sentences(2, 3, 4)
    made = made_of([given[2], given[0], given[1]], Context.article)
    assert [row.answers for row in made.rows] == [[1, 2, 0]]


@pytest.mark.parametrize("context", Context)
def test_every_epoch_trains_on_every_sentence_once_in_the_same_number_of_batches(context):
    parts = [sentences(*[4] * 13, article=name) for name in "abcdefgh"]
    made = examples(context, *parts)
    batches = RowBatches(made, 8, 0.25, seed=1)
    seen = []
    for _ in range(4):
        epoch = list(batches)
        assert len(epoch) == len(batches) == 13
        rows = [row for batch in epoch for row in batch]
        seen.append([made.rows[row].answers for row in rows])
        assert sorted(number for answers in seen[-1] for number in answers) == list(range(13 * 8))
        sizes = [sum(len(made.rows[row].answers) for row in batch) for batch in epoch]
        assert max(sizes) <= 16
    assert seen[0] != seen[1]


def test_pages_are_cut_elsewhere_in_each_epoch_and_some_are_read_sentence_by_sentence():
    made = examples(Context.article, *(sentences(*[4] * 20, article=name) for name in "abcdefghij"))
    rng = np.random.default_rng(1)
    made.draw(0.3, rng)
    first = [row.answers for row in made.rows]
    made.draw(0.3, rng)
    assert [row.answers for row in made.rows] != first
    assert 0 < sum(len(answers) == 1 for answers in first) < 200
    made.draw(1.0, rng)
    assert all(len(row.answers) == 1 for row in made.rows)


@pytest.mark.parametrize("context", Context)
def test_a_step_learns_from_the_same_sentences_in_however_many_parts_it_is_computed(context):
    def learnt(parts):
        made = examples(context, *(sentences(*[4] * 13, article=name) for name in "abcd"))
        epoch = list(RowBatches(made, 8, 0.25, seed=1, parts=parts))
        assert len(epoch) == len(RowBatches(made, 8, 0.25, seed=1, parts=parts)) == 7 * parts
        labelled = [[n for row in part if row >= 0 for n in made.rows[row].answers] for part in epoch]
        steps = [[n for part in labelled[step * parts : (step + 1) * parts] for n in part] for step in range(7)]
        assert all(len(part) for part in epoch)
        return [sorted(step) for step in steps]

    assert learnt(1) == learnt(2) == learnt(3)


def test_a_row_that_is_there_to_fill_a_part_has_no_label():
    made = examples(Context.none, sentences(2, 3))
    row, labels, _ = made[UNLEARNT - 1]
    assert row is made.rows[1]
    assert labels.tolist() == [IGNORED]


@pytest.mark.parametrize("context", Context)
def test_epochs_are_made_as_they_would_have_been_from_any_place_on(context):
    made = made_of(sentences(*[4] * 50), context)
    whole = RowBatches(made, 8, 0.25, seed=1)
    epochs, within, between = [], [], []
    for _ in range(3):
        epochs.append(list(whole))
        within.append(whole.progress(epoch_is_over=False))
        between.append(whole.progress(epoch_is_over=True))
    other = RowBatches(made, 8, 0.25, seed=2)
    other.go_on(within[1])
    assert [list(other), list(other)] == epochs[1:]
    other.go_on(between[0])
    assert [list(other), list(other)] == epochs[1:]


def test_rows_of_like_length_share_a_batch():
    made = made_of(sentences(*([2] * 40 + [18] * 40)), Context.none)
    for batch in RowBatches(made, 10, 0.0, seed=1):
        assert len({len(made.rows[row].ids) for row in batch}) == 1


def test_labels_of_a_batch_are_padded_with_what_the_loss_ignores():
    made = examples(Context.article, sentences(2, 2, 2), sentences(5, article="b"))
    batch = Collator(made.encoder)([made[0], made[1]])
    none = TAXONOMY.labels.index("none")
    assert batch["labels"].tolist() == [[none] * 3, [none, IGNORED, IGNORED]]
    assert batch["targets"].shape == (2, 3, len(TAXONOMY.labels))
    assert batch["targets"].sum(-1).tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["starts"].tolist() == [[0, 4, 8], [0, -1, -1]]
    assert batch["input_ids"].shape == batch["attention_mask"].shape
