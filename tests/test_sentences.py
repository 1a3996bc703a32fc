import pytest

from sitrep.sentences import LabelledSentence


def test_blank_sentence_cannot_be_made():
    with pytest.raises(ValueError, match="text is empty"):
        LabelledSentence(text=" \n", label="none", labels=(), id="1", article_id="1", position=0)
