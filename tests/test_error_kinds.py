import pytest
from conftest import TAXONOMY, script

from sitrep.sentences import LabelledSentence

pytestmark = pytest.mark.usefixtures("beside_each_other")
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels


def page(*lines, article="a"):
    """Units of one page; a line is a text, or a text and its label."""
    pairs = [(line, NONE) if isinstance(line, str) else line for line in lines]
    return [
        LabelledSentence(text, label, () if label == NONE else (label,), f"{article}{place}", article, place)
        for place, (text, label) in enumerate(pairs)
    ]


def members(kind, *lines):
    """Places on the page of the units that are in the slice of a kind."""
    kinds = script("error_kinds")
    return [number for number, place in enumerate(kinds.places_of(page(*lines))) if kinds.KINDS[kind](place)]


def mistakes(kind, true):
    kinds = script("error_kinds")
    (place,) = kinds.places_of(page(("shells hit the bridge", true)))
    return set(kinds.KINDS[kind](place))


def test_kinds_of_confusion_name_the_label_that_a_unit_is_mistaken_for():
    expected = {
        "who-speaks": {NONE: {STATEMENT}, STATEMENT: {NONE}},
        "act-in-statement": {ATTACK: {STATEMENT}},
        "missed-act": {ATTACK: {NONE}},
        "told-as-act": {NONE: {ATTACK}},
        "missed-casualty": {TOLL: {ATTACK, STATEMENT, BOILERPLATE, NONE}},
        "furniture": {BOILERPLATE: {ATTACK, STATEMENT, TOLL, NONE}},
    }
    for kind, by_label in expected.items():
        for label in TAXONOMY.labels:
            assert mistakes(kind, label) == by_label.get(label, set()), (kind, label)
    assert all(mistakes("all", label) == set(TAXONOMY.labels) - {label} for label in TAXONOMY.labels)


def test_neighbours_are_those_of_the_page_in_its_reading_order_and_rows_stay_in_theirs():
    first, second, third = page("one", "two", "three")
    (other,) = page("elsewhere", article="b")
    places = script("error_kinds").places_of([third, other, first, second])
    assert [(p.before, p.text, p.after) for p in places] == [
        ("two", "three", ""),
        ("", "elsewhere", ""),
        ("", "one", "two"),
        ("one", "two", "three"),
    ]


def test_each_line_of_furniture_has_one_shape():
    shapes = {
        "furniture-words": ["Share", "Read more"],
        "furniture-markup": [
            "[ad_1]",
            "[3]",
            "[16][17]",
            "Category:Ports",
            "a &nbsp; b",
            "[caption id=3]",
            "{{sources",
        ],
        "furniture-sentence": ["Sign up for our newsletter.", "Could it have been prevented?"],
        "furniture-line": [
            "Ministers meet in the capital",
            "by a staff writer.",
            "Leave a comment:",
            "[File: Agency] in May",
        ],
    }
    lines = [(text, BOILERPLATE) for texts in shapes.values() for text in texts]
    found = {kind: members(kind, *lines) for kind in shapes}
    assert found == {
        kind: [number for number, (text, _) in enumerate(lines) if text in texts] for kind, texts in shapes.items()
    }
    assert members("furniture", *lines) == list(range(len(lines)))
    assert not any(members(kind, "Share", "[ad_1]") for kind in shapes)  # reporting is no furniture


@pytest.mark.parametrize(("opening", "closing"), ["“”", '""', "«»", ("``", "''")])
def test_the_middle_of_a_quotation_is_what_another_unit_opened_and_no_speaker_follows(opening, closing):
    lines = [
        f"The mayor said: {opening}We waited.",
        "Nobody came.",
        f"We left.{closing}",
        "The road is closed.",
        f"{opening}It rained.",
        f"It stopped,{closing} said a farmer.",
    ]
    assert members("quoted-middle", *lines) == [1, 2]


def test_paragraphs_of_a_quotation_open_it_again():
    assert members("quoted-middle", "He said: “We waited.", "“Then we left.”", "“Nobody saw us.”") == [1]


def test_a_quotation_that_is_not_closed_soon_lost_its_end():
    silent = ["The road is closed."] * 10
    assert members("quoted-middle", "“We waited.", *silent) == []
    assert members("quoted-middle", "“We waited.", *silent, "We left.”") == []
    assert members("quoted-middle", "“We waited.", *silent[1:], "We left.”") == list(range(1, 11))
    assert members("quoted-middle", "“We waited.", "The road is closed.", "“We left,” they said.") == []


def test_a_quotation_does_not_reach_into_another_page():
    places = script("error_kinds").places_of([*page("“We waited."), *page("We left.”", article="b")])
    assert [place.quoted for place in places] == [False, False]


def test_a_quotation_alone_has_no_word_beside_it():
    lines = [
        "“We waited.”",
        "“We waited.” “Then we left.”",
        "“We waited,” she said.",
        "He calls it “rain”.",
        "We waited.",
    ]
    assert members("quoted-alone", *lines) == [0, 1]


@pytest.mark.parametrize(
    "text",
    [
        "He said that the bridge was open.",
        "The bridge, she later told reporters, was open.",
        "“It is open,” it added in a note.",
        "“It is open,” said he.",
        "THEY HAVE ALSO CONFIRMED THE TOLL.",
    ],
)
def test_a_pronoun_that_speaks(text):
    assert members("pronoun-speaker", text) == [0]


@pytest.mark.parametrize(
    "text",
    [
        "The army said it had left.",  # named
        "He left the town.",
        "“He said nothing to us,” the mayor recalled.",  # inside the quotation
        "The fire has spread, and it has claimed two lives.",
        "The minister said they would stay.",
    ],
)
def test_a_pronoun_that_does_not_speak(text):
    assert members("pronoun-speaker", text) == []


def test_a_fragment_is_a_cut_line_or_what_it_goes_on_with():
    lines = [
        "The government hopes that those who work for",
        "peace will be heard.",
        "Storm reaches the coast",  # a heading
        "The port is closed.",
        "The minister said:",
        "“we stay” was all.",
        "https://example.org/ports",
        "al-Bab lies to the north.",
    ]
    assert members("fragment", *lines) == [0, 1, 5]


def test_lines_of_capitals_are_telex_and_show_where_they_are_cut():
    lines = [
        "(PASSAGE OMITTED)",
        "THE GUERRILLAS BLEW UP A POLE AT",
        "GALERA.",
        "NO ONE WAS HURT.",
        "Share",
        "VK",
        "Text",
    ]
    assert members("telex", *lines) == [0, 1, 2, 3]
    assert members("fragment", *lines[1:]) == [0, 1]
    assert members("fragment", "VK", "FB", "PORTS") == []


def test_an_error_lists_its_kinds_and_a_right_unit_none():
    kinds = script("error_kinds")
    (place,) = kinds.places_of(page(("he said nothing was hit.", ATTACK)))
    assert kinds.kinds_of(place, STATEMENT, ATTACK) == [
        "act-in-statement",
        "pronoun-speaker",
        "fragment",
        "second-guess",
    ]
    assert kinds.kinds_of(place, STATEMENT, NONE) == ["act-in-statement", "pronoun-speaker", "fragment"]
    assert kinds.kinds_of(place, ATTACK, NONE) == []


def test_every_kind_says_what_it_catches():
    assert all(kind.__doc__ for kind in script("error_kinds").KINDS.values())
