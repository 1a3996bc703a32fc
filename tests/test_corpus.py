"""What the data card (docs/corpus.md) claims of the shipped corpus."""

import csv
import re
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from conftest import PROJECT, TAXONOMY
from sklearn.metrics import cohen_kappa_score

from sitrep.data import corpus
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.sentences import Use
from sitrep.speakers import NAMES, SPEAKERS, SPEECH

CARD = (PROJECT / "docs" / "corpus.md").read_text(encoding="utf-8")
CODEBOOK = (PROJECT / "docs" / "codebook.md").read_text(encoding="utf-8")
MENU_WORDS = 6
"""Boilerplate of fewer words may recur: "Share this" is on many pages."""


@pytest.fixture(scope="module")
def shipped():
    return list(corpus.load())


def units_for(use, shipped):
    uses = corpus.load_uses()
    return [unit for unit in shipped if uses[unit["article_id"]] is use]


@pytest.fixture(scope="module")
def units(shipped):
    return units_for(Use.any, shipped)


@pytest.fixture(scope="module")
def readings():
    return corpus.load_readings()


def words(text):
    return re.findall(r"\w+", text.lower())


def grams(text, length):
    found = words(text)
    return [tuple(found[i : i + length]) for i in range(len(found) - length + 1)]


def test_rows_are_valid_and_whole_articles_stand_together(shipped):
    units = shipped
    assert len(read_labelled(SHIPPED, Columns())) == len(units)
    position = Counter()
    previous = None
    for unit in units:
        assert unit["article_id"] == previous or position[unit["article_id"]] == 0, "an article is torn apart"
        assert unit["position"] == position[unit["article_id"]]
        position[unit["article_id"]] += 1
        previous = unit["article_id"]


def test_corpus_is_as_large_as_the_card_says(units):
    articles = {unit["article_id"] for unit in units}
    assert len(articles) >= 300
    assert len(units) >= 6000
    assert f"{len(articles)} articles, {len(units):,} units" in CARD


def test_shares_of_the_labels_are_about_those_of_real_pages(units):
    counts = Counter(unit["label"] for unit in units)
    wanted = dict(zip(TAXONOMY.labels, (0.23, 0.20, 0.13, 0.19, 0.25), strict=True))
    for label, share in wanted.items():
        found = counts[label] / len(units)
        assert abs(found - share) < 0.03, label
        assert f"| {label} | {counts[label]:,} | {100 * found:.1f} % |" in CARD


@pytest.mark.parametrize(("field", "least"), [("region", 25), ("event", 15), ("register", 20), ("noise", 8)])
def test_corpus_is_diverse_by_plan(units, field, least):
    articles = {unit["article_id"]: unit[field] for unit in units}
    kinds = Counter(articles.values())
    assert len(kinds) >= least
    assert max(kinds.values()) <= 0.1 * len(articles) or field == "noise"
    assert f"{len(kinds)} {field} values" in CARD


def test_article_is_of_one_region_event_register_noise_and_year(units):
    seen = {}
    for unit in units:
        about = tuple(unit[field] for field in ("region", "event", "register", "noise", "year"))
        assert seen.setdefault(unit["article_id"], about) == about


@pytest.mark.slow
def test_no_two_articles_share_a_sentence(units):
    """Jaccard similarity of word 3-grams stays below 0.6, computed exactly."""
    index = defaultdict(list)
    sets = []
    for number, unit in enumerate(units):
        own = set(grams(unit["text"], 3)) or {tuple(words(unit["text"]))}
        short = unit["label"] == "boilerplate" and len(words(unit["text"])) < MENU_WORDS
        sets.append(own)
        if short:
            continue
        shared = Counter(other for gram in own for other in index[gram])
        for other, count in shared.items():
            similarity = count / len(own | sets[other])
            same_article = units[other]["article_id"] == unit["article_id"]
            assert same_article or similarity < 0.6, (unit["id"], units[other]["id"])
        for gram in own:
            index[gram].append(number)


def test_no_templates_distinct_4_grams_are_nine_of_ten(units):
    every = [gram for unit in units for gram in grams(unit["text"], 4)]
    assert len(set(every)) / len(every) >= 0.9


def test_length_alone_does_not_tell_menus_from_text(units):
    lengths = defaultdict(list)
    for unit in units:
        lengths[unit["label"] == "boilerplate"].append(len(words(unit["text"])))
    best = max(
        (
            sum(n < cut for n in lengths[True]) / len(lengths[True])
            + sum(n >= cut for n in lengths[False]) / len(lengths[False])
        )
        / 2
        for cut in range(2, 40)
    )
    assert best < 0.85  # balanced accuracy of the best threshold; 1 would be separable


def test_both_readings_are_shipped_and_agree_as_the_card_says(units, readings):
    assert [reading["id"] for reading in readings] == [unit["id"] for unit in units]
    kappa = cohen_kappa_score([r["first_label"] for r in readings], [r["second_label"] for r in readings])
    assert kappa > 0.9
    assert f"kappa {kappa:.3f}" in CARD


def test_every_disagreement_is_decided_with_a_reason_and_nothing_else_but_mended_rules(units, readings):
    decided = Counter()
    for unit, reading in zip(units, readings, strict=True):
        agree = reading["first_label"] == reading["second_label"]
        if reading.get("decided") is None:
            assert agree
            assert unit["label"] == reading["first_label"]
        else:
            assert not agree or reading.get("decided") == "rule mended"
            decided[reading.get("decided")] += 1
    for reason, count in decided.items():
        assert f"| {reason} | {count} |" in CARD


def test_further_and_foreign_pages_are_as_many_as_the_card_says(shipped):
    for use, name in ((Use.learning, "further"), (Use.calibration, "foreign")):
        pages = units_for(use, shipped)
        counts = Counter(unit["label"] for unit in pages)
        shares = " | ".join(f"{100 * counts[label] / len(pages):.1f} %" for label in TAXONOMY.labels)
        assert f"| {name} | {len({unit['article_id'] for unit in pages})} | {len(pages):,} | {shares} |" in CARD


def test_pages_that_differ_in_use_share_no_article_and_no_long_text(shipped):
    uses, homes = corpus.load_uses(), defaultdict(set)
    for unit in shipped:
        if len(words(unit["text"])) > MENU_WORDS:
            homes[" ".join(words(unit["text"]))].add(uses[unit["article_id"]])
    assert {text for text, found in homes.items() if len(found) > 1} == set()


def test_probabilities_are_of_units_to_learn_from_and_of_as_many_as_the_card_says(shipped):
    found, uses = corpus.load_probabilities(), corpus.load_uses()
    learnt = [unit["id"] for unit in shipped if uses[unit["article_id"]] is not Use.calibration]
    assert set(found) <= set(learnt)
    assert f"{len(found):,} of {len(learnt):,} units have them" in CARD
    assert all(sum(row.values()) == pytest.approx(1) and set(row) == set(TAXONOMY.labels) for row in found.values())


def test_probabilities_agree_with_the_labels_as_often_as_the_card_says(units):
    found = corpus.load_probabilities()
    agree = [max(found[unit["id"]], key=found[unit["id"]].get) == unit["label"] for unit in units]
    assert f"{100 * sum(agree) / len(agree):.1f} % of the double-read units" in CARD


def test_shares_of_speech_and_speakers_are_as_the_card_says(shipped):
    sets = [units_for(use, shipped) for use in (Use.any, Use.learning)]
    for question, answers in NAMES.items():
        for answer in answers if question == "speech" else SPEAKERS[1:]:
            cells = []
            for pages in sets:
                spoken = [unit for unit in pages if question == "speech" or unit["speaker"] != "none"]
                count = sum(unit[question] == answer for unit in spoken)
                cells += [f"{count:,}", f"{100 * count / len(spoken):.1f} %"]
            assert f"| {question} {answer} | {' | '.join(cells)} |" in CARD
    follow = []
    for pages in sets:
        told = [unit for unit in pages if unit["label"] != "boilerplate"]
        spoken = sum(unit["speaker"] != "none" for unit in told)
        pairs = [(one, two) for one, two in pairwise(told) if one["article_id"] == two["article_id"]]
        same = sum(one["speaker"] == two["speaker"] != "none" for one, two in pairs)
        follow.append(f"{100 * same / spoken:.1f} %")
    assert f"{follow[0]} of the units with speech follow at once" in CARD
    assert f"and {follow[1]} on the further pages" in CARD


def told_readings(pages, read):
    """Each unit that was read for who speaks, with its two readings; what is not listed agrees with the corpus."""
    for unit in pages:
        if unit["label"] != "boilerplate":
            final = [unit[question] for question in NAMES]
            row = read.pop(unit["id"], None)
            sides = ("first", "second")
            yield unit, [final if row is None else [row[f"{side}_{question}"] for question in NAMES] for side in sides]


def test_readings_of_who_speaks_agree_as_the_card_says_and_the_corpus_has_what_they_agree_on(shipped):
    with (corpus.FOLDER / "speaker_readings.csv").open(encoding="utf-8", newline="") as file:
        read = {row.pop("id"): row for row in csv.DictReader(file)}
    for use, name in ((Use.any, "articles"), (Use.learning, "further pages")):
        told = list(told_readings(units_for(use, shipped), read))
        kappas = [
            cohen_kappa_score([first[place] for _, (first, _) in told], [second[place] for _, (_, second) in told])
            for place in range(len(NAMES))
        ]
        parted = sum(first != second for _, (first, second) in told)
        row = f"| {name} | {len(told):,} | {kappas[0]:.3f} | {kappas[1]:.3f} | {parted:,} |"
        assert row in CARD, row
        assert f"{name} {kappas[0]:.3f} and {kappas[1]:.3f}" in CODEBOOK
    assert not read, "a reading of what is not there, or is boilerplate"


def test_second_labels_of_further_and_foreign_pages_agree_as_the_card_says(shipped):
    for use, name in ((Use.learning, "further"), (Use.calibration, "foreign")):
        labels = {unit["id"]: unit["label"] for unit in units_for(use, shipped)}
        with (corpus.FOLDER / f"{name}_readings.csv").open(encoding="utf-8", newline="") as file:
            read = [row for row in csv.DictReader(file) if row["id"] in labels and row["second_label"]]
        sides = [[row[f"{side}_label"] for row in read] for side in ("first", "second")]
        parted = [row for row in read if row["first_label"] != row["second_label"]]
        row = f"| {name} | {len(read):,} | {cohen_kappa_score(*sides):.3f} | {len(parted):,} |"
        assert row in CARD, row


def test_every_unit_but_the_foreign_ones_says_who_speaks(shipped):
    uses = corpus.load_uses()
    for unit in shipped:
        said = (unit["speech"], unit["speaker"])
        if uses[unit["article_id"]] is Use.calibration:
            assert said == (None, None)
        else:
            assert said[0] in SPEECH
            assert said[1] in SPEAKERS
            assert unit["label"] != "boilerplate" or said == ("none", "none"), unit["id"]
