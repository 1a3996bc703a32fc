from sitrep.model.surroundings import reading_of
from sitrep.sentences import LabelledSentence, Passage


def passage(text, position, article="a", read_as=None, **fields):
    return Passage(f"{article}-{position}", article, position, 0, len(text), text, fields, read_as=read_as)


def test_units_of_a_page_stand_side_by_side_by_their_position():
    reading = reading_of([passage("b", 1), passage("x", 0, "other"), passage("a", 0)])
    assert [[reading.texts[n] for n in article] for article in reading.articles] == [["a", "b"], ["x"]]
    assert [reading.texts[n] for n in reading.of_units()] == ["b", "x", "a"]


def test_units_drawn_out_of_a_page_stand_among_their_own_lines_and_are_no_neighbours():
    drawn = [passage("c", 2, before=["a", "b"], after=["d"]), passage("m", 12, before=["l"], after=[])]
    reading = reading_of(drawn)
    assert [[reading.texts[n] for n in article] for article in reading.articles] == [["a", "b", "c", "d"], ["l", "m"]]
    assert [reading.texts[n] for n in reading.of_units()] == ["c", "m"]
    assert reading.pages == ["a"] * 6
    asked = [units for units in reading.units if units]
    assert asked == [[0], [1]], "lines around a unit are read and not answered"


def test_lines_around_a_labelled_unit_count_as_those_of_any_other():
    unit = LabelledSentence("c", "none", (), "a-2", "a", 2, {"before": ["b"]})
    reading = reading_of([unit])
    assert reading.texts == ["b", "c"]


def test_columns_that_happen_to_be_called_so_are_no_lines():
    for fields in ({"before": "2019", "after": 7}, {"before": [1, 2]}, {"before": None}, {"after": ["", " "]}):
        reading = reading_of([passage("a", 0, **fields), passage("b", 1)])
        assert reading.articles == [[0, 1]]


def test_lines_of_one_sentence_are_read_once_and_all_get_its_answer():
    whole = "gunmen stormed the post at dawn"
    lines = [
        passage(text, place, read_as=whole) for place, text in enumerate(("gunmen stormed", "the post at dawn"), 1)
    ]
    reading = reading_of([passage("head", 0), *lines])
    assert reading.texts == ["head", whole]
    assert reading.units == [[0], [1, 2]]
    assert reading.of_units() == [0, 1, 1]


def test_the_same_sentence_of_another_page_is_read_there():
    whole = "it was the third"
    reading = reading_of([passage("it was", 0, "a", whole), passage("it was", 0, "b", whole)])
    assert reading.texts == [whole, whole]
