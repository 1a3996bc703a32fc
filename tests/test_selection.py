import json
from collections import Counter

import numpy as np
import pytest
from conftest import write_jsonl

from sitrep.data.own_labels import Drawn, read_sample
from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.labelling.diversity import first_of_each_page, spread, without_near_duplicates
from sitrep.labelling.run import select
from sitrep.labelling.selection import CONTEXT_LINES, draw_sample, make_plan
from sitrep.labelling.unit_pool import UnitPool, margin
from sitrep.sentences import Passage
from sitrep.settings import SelectSettings, Unit

WORDS = (
    "river bridge market school convoy border patrol hospital mayor council district tower harbour road field".split()
)


def sentence(number):
    """A text of seven words that shares few pairs of words with any other."""
    rng = np.random.default_rng(number)
    return " ".join(rng.choice(WORDS, 7)) + f" {number}"


def passages(pages=20, units=10):
    return [
        Passage(f"p{page}:{place}", f"p{page}", place, 0, 9, sentence(page * units + place), {"outlet": "Post"})
        for page in range(pages)
        for place in range(units)
    ]


def pool_of(read, sure=lambda number: 0.5 + 0.4 * ((number * 37) % 101) / 101, readable=lambda number: True):
    pool = UnitPool()
    for number, passage in enumerate(read):
        chance = sure(number)
        pool.add(passage, "none", {"casualty_report": 1 - chance, "none": chance}, readable(number))
    return pool


def draw(read, n=40, random_share=0.5, per_page=3, seed=1, embed=None, **pool):
    filled = pool_of(read, **pool)
    plan = make_plan(filled, n, random_share, per_page, seed)
    return draw_sample(filled, plan, read, per_page, seed, embed)


def kinds(sample):
    return [[unit for unit in sample if unit.drawn is kind] for kind in (Drawn.random, Drawn.chosen)]


def alike(texts):
    """Vectors that tell nothing but which texts are the same."""
    return np.eye(len(texts), dtype=np.float32)


@pytest.mark.parametrize("embed", [None, alike])
@pytest.mark.parametrize("seed", range(5))
def test_chosen_units_stand_on_other_pages_than_those_drawn_at_random_and_no_page_gives_more_than_wanted(embed, seed):
    sample = draw(passages(), seed=seed, embed=embed)
    at_random, chosen = kinds(sample)
    assert not {unit.article_id for unit in at_random} & {unit.article_id for unit in chosen}
    assert len(sample) == 40
    assert abs(len(at_random) - 20) <= 3
    assert max(Counter(unit.article_id for unit in sample).values()) == 3
    assert {unit.sampling_probability for unit in at_random} == {20 / 200}
    assert {unit.sampling_probability for unit in chosen} == {None}


def test_the_most_uncertain_units_of_the_other_pages_are_chosen():
    sample = draw(passages(), n=10, random_share=0, per_page=10, sure=lambda number: 0.5 + number / 1000)
    assert [unit.id for unit in sample] == [f"p0:{place}" for place in range(10)]


def test_the_random_units_are_the_same_whatever_the_model_says():
    first = kinds(draw(passages()))[0]
    second = kinds(draw(passages(), sure=lambda number: 0.9 - number / 1000))[0]
    assert [unit.id for unit in first] == [unit.id for unit in second]


def test_the_same_seed_gives_the_same_sample_and_another_one_another():
    assert draw(passages(), embed=alike) == draw(passages(), embed=alike)
    assert draw(passages(), seed=2) != draw(passages(), seed=1)


def test_a_text_is_chosen_once_in_whatever_case_and_near_duplicates_once():
    first, second = sentence(1000), "the army said on Tuesday that rebels had shelled the village of Karan at dawn"
    read = [Passage(f"p{n}:0", f"p{n}", 0, 0, 9, text) for n, text in enumerate([first, first.upper() + "!"] * 10)]
    near = [second, second.replace("dawn", "night"), second.replace("army", "ministry"), second + " again"]
    read += [Passage(f"q{n}:0", f"q{n}", 0, 0, 9, text) for n, text in enumerate(near)]
    read += [Passage(f"r{n}:0", f"r{n}", 0, 0, 9, sentence(n)) for n in range(10)]
    sample = draw(read, n=20, random_share=0)
    assert len(sample) == 12
    assert Counter(unit.id[0] for unit in sample) == {"p": 1, "q": 1, "r": 10}


def test_what_was_drawn_at_random_is_not_chosen_from_another_page_again():
    read = [Passage(f"p{n}:0", f"p{n}", 0, 0, 9, sentence(n % 30)) for n in range(60)]
    for seed in range(5):
        at_random, chosen = kinds(draw(read, n=20, seed=seed))
        assert not {unit.text for unit in at_random} & {unit.text for unit in chosen}


def test_what_the_model_cannot_read_is_never_chosen_but_drawn_at_random_like_the_rest():
    def readable(number):
        return number % 2 == 0

    at_random, chosen = kinds(draw(passages(), n=60, readable=readable))
    assert all(unit.position % 2 == 0 for unit in chosen)
    assert any(unit.position % 2 for unit in at_random)


def test_units_bring_the_lines_before_and_behind_them_also_where_the_rows_of_pages_alternate():
    read = sorted(passages(6, 10), key=lambda passage: (-passage.position, passage.article_id))
    lines = {(passage.article_id, passage.position): passage.text for passage in read}
    for unit in draw(read, n=20, per_page=5):
        around = range(unit.position - CONTEXT_LINES, unit.position + CONTEXT_LINES + 1)
        texts = [(place, lines.get((unit.article_id, place))) for place in around]
        assert list(unit.before) == [text for place, text in texts if text and place < unit.position]
        assert list(unit.after) == [text for place, text in texts if text and place > unit.position]


def test_a_sample_as_large_as_the_set_is_the_set_and_every_unit_has_the_probability_1():
    read = passages(4, 5)
    for n in (20, 500):
        sample = draw(read, n=n)
        assert [unit.id for unit in sample] == [passage.id for passage in read]
        assert {(unit.drawn, unit.sampling_probability) for unit in sample} == {(Drawn.random, 1.0)}


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_where_pages_are_few_each_share_gets_its_share_of_them(share):
    sample = draw(passages(10, 50), n=200, random_share=share)
    at_random, chosen = kinds(sample)
    assert abs(len(at_random) - 30 * share) <= 6
    assert len({unit.article_id for unit in chosen}) >= (1 - share) * 10 - 1


def test_fields_are_carried_along_and_give_way_to_those_of_a_sample():
    read = [Passage("a:0", "a", 0, 0, 9, "x y z", {"outlet": "Post", "comment": "old", "labels": ["none"]})]
    (unit,) = draw(read, n=1)
    assert unit.fields == {"outlet": "Post", "input_comment": "old", "input_labels": ["none"]}


def test_an_id_that_stands_twice_among_the_drawn_is_refused():
    read = [Passage("a", f"p{n}", 0, 0, 9, sentence(n)) for n in range(4)]
    with pytest.raises(UserError, match="the id a stands twice in the input; give every row an id of its own"):
        draw(read, n=4)


def test_an_input_that_changed_between_its_readings_is_refused():
    read = passages(4, 5)
    filled = pool_of(read)
    plan = make_plan(filled, 5, 0.5, 3, 1)
    for other in (read[:-1], read[1:], [*read, read[0]]):
        with pytest.raises(UserError, match="the input was changed while it was read"):
            draw_sample(filled, plan, other, 3, 1, None)


def test_probabilities_of_other_labels_within_an_input_are_refused():
    pool = UnitPool()
    pool.add(passages()[0], "none", {"none": 1.0})
    with pytest.raises(UserError, match="the unit p0:1 has probabilities of b, those before of none"):
        pool.add(passages()[1], "b", {"b": 1.0})


@pytest.mark.parametrize(
    ("probabilities", "expected"), [([0.7, 0.2, 0.1], 0.5), ([0.5, 0.5], 0.0), ([0.9, 0.45, 0.0], 0.1), ([0.2], 0.6)]
)
def test_doubt_is_between_two_labels_or_about_one_of_several_that_may_apply(probabilities, expected):
    assert margin(probabilities) == pytest.approx(expected)


def test_spread_choices_are_far_from_each_other_and_keep_to_their_page_limit():
    corners = np.repeat(np.eye(4, dtype=np.float32), 25, axis=0)
    pages = [place % 10 for place in range(100)]
    for seed in range(20):
        places = spread(corners, np.ones(100), pages, 4, 1, np.random.default_rng(seed))
        assert sorted(place // 25 for place in places) == [0, 1, 2, 3]
        assert len({pages[place] for place in places}) == 4
    assert len(spread(corners, np.ones(100), pages, 50, 2, np.random.default_rng(1))) == 20


def test_spread_choices_begin_with_the_most_uncertain_and_pass_over_the_certain():
    vectors = np.eye(40, dtype=np.float32)
    weights = np.where(np.arange(40) < 10, 1.0, 0.0)
    weights[7] = 1.1
    places = spread(vectors, weights, list(range(40)), 10, 1, np.random.default_rng(1))
    assert places[0] == 7
    assert sorted(places) == list(range(10))


def test_the_first_of_texts_that_are_alike_is_kept():
    text = "the army said on Tuesday that rebels had shelled the village of Karan at dawn"
    texts = [sentence(1), text, text + " again", sentence(2), sentence(1).upper()]
    assert without_near_duplicates(texts, 1) == [1, 3]
    assert first_of_each_page([1, 1, 1, 2, 3], 3, 2) == [0, 1, 3]


# The whole command.


def selected(tmp_path, **settings):
    output = tmp_path / "sample.jsonl"
    select(SelectSettings(output=str(output), overwrite=True, **settings))
    return read_sample(output)


def pages_folder(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    for page in range(12):
        lines = [f"four were killed in district {page} on day {n}. share this page." for n in range(5)]
        (folder / f"page{page}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_pages_become_a_sample_with_the_ids_and_figures_that_prediction_gives(tmp_path, run_directory, capsys):
    from sitrep.inference.run import predict
    from sitrep.settings import PredictSettings

    folder = pages_folder(tmp_path)
    sample = selected(tmp_path, input=str(folder), n=12, checkpoint=str(run_directory))
    said = " ".join(capsys.readouterr().err.split())
    assert "120 units of 12 pages" in said
    assert f"next: python scripts/label.py export {tmp_path}/sample.jsonl format=page output=page.html" in said
    predict(PredictSettings(str(folder), str(tmp_path / "p.jsonl"), checkpoint=str(run_directory)))
    rows = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    by_id = {row["id"]: row for row in rows}
    for unit in sample:
        row = by_id[unit.id]
        assert (unit.text, unit.position, unit.guess) == (row["text"], row["position"], row["label"])
        assert unit.probabilities == pytest.approx(row["probabilities"], abs=1e-5)
    from_file = selected(tmp_path, input=str(tmp_path / "p.jsonl"), n=12)
    assert [u.id for u in kinds(from_file)[0]] == [u.id for u in kinds(sample)[0]]


@pytest.mark.slow
def test_a_random_sample_asks_the_model_for_its_own_pages_alone(tmp_path, run_directory, monkeypatch):
    read, real = set(), Predictor.predict

    def counted(self, passages):
        passages = list(passages)
        read.update(passage.article_id for passage in passages)
        return real(self, passages)

    monkeypatch.setattr(Predictor, "predict", counted)
    folder = pages_folder(tmp_path)
    sample = selected(tmp_path, input=str(folder), n=12, random_share=1, checkpoint=str(run_directory))
    assert all(unit.guess and unit.probabilities for unit in sample)
    assert read == {unit.article_id for unit in sample}
    assert {unit.drawn for unit in sample} == {Drawn.random}


def test_a_random_sample_needs_no_checkpoint(tmp_path, capsys):
    sample = selected(tmp_path, input=str(pages_folder(tmp_path)), n=12, random_share=1, checkpoint="none/such")
    assert abs(len(sample) - 12) <= 3
    assert {unit.guess for unit in sample} == {None}
    assert "checkpoint=none/such: not there, so the sample has no guesses" in capsys.readouterr().err


def test_rows_of_other_columns_and_articles_in_rows_are_read_as_prediction_reads_them(tmp_path):
    rows = [{"body": f"four were killed. day {n} was calm.", "id": f"a{n}", "date": "2024"} for n in range(9)]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    settings = {"random_share": 1, "checkpoint": "none", "text_field": "body"}
    assert len(selected(tmp_path, input=str(path), n=500, **settings)) == 9
    sample = selected(tmp_path, input=str(path), n=500, unit=Unit.article, **settings)
    assert len(sample) == 18
    assert (sample[1].id, sample[1].before, sample[1].fields["date"]) == ("a0:1", ("four were killed.",), "2024")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input": "-"}, "input=-: is read twice, which a pipe does not allow; save it as a file"),
        ({"input": "none.jsonl"}, "none.jsonl: no such file"),
        (
            {"input": __file__, "format": "text", "checkpoint": "none", "random_share": 0.5},
            "checkpoint=none: no such folder",
        ),
    ],
)
def test_an_input_or_checkpoint_that_cannot_be_used_is_told_in_one_line(tmp_path, settings, message):
    from sitrep.settings import InputFormat

    if "format" in settings:
        settings = settings | {"format": InputFormat[settings["format"]]}
    with pytest.raises(UserError, match=message):
        selected(tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_sample_is_kept_before_anything_is_read(tmp_path):
    output = tmp_path / "sample.jsonl"
    output.write_text("{}")
    with pytest.raises(UserError, match="exists already and was kept"):
        select(SelectSettings(input="none", output=str(output)))
