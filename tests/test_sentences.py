import pytest

from sitrep.sentences import LabelledSentence


def sentence(**changes):
    return LabelledSentence(
        **({"text": "x", "label": "none", "labels": (), "id": "1", "article_id": "1", "position": 0} | changes)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": " \n"}, "text is empty"),
        ({"label": "weather", "labels": ("weather",)}, "unknown label 'weather'"),
        ({"label": "boilerplate", "labels": ()}, "not among its labels"),
        ({"label": "boilerplate", "labels": ("boilerplate", "official_statement")}, "excludes the other classes"),
    ],
)
def test_sentence_that_contradicts_the_codebook_cannot_be_made(changes, message):
    with pytest.raises(ValueError, match=message):
        sentence(**changes)


def test_none_may_still_name_a_class_that_applies():
    assert sentence(labels=("casualty_report",)).label == "none"
