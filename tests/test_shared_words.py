from sitrep.evaluation.shared_words import CHUNK, sharing_words

OTHERS = ["Shells hit the bridge.", "Read more", "Four were killed.", "The ministry denied it.", "Share this page"]


def test_those_that_share_most_words_are_found_whatever_their_place():
    assert sharing_words(["Shells hit a market."], OTHERS, 1) == [0]
    assert sharing_words(["Six were killed.", "Read this page"], OTHERS, 1) == [2, 4]


def test_each_text_has_its_own_also_where_there_are_many():
    others = [f"town{number} was shelled" for number in range(3 * CHUNK)]
    texts = [f"a bridge in town{number}" for number in range(0, 3 * CHUNK, 2)]
    assert sharing_words(texts, others, 1) == list(range(0, 3 * CHUNK, 2))


def test_few_others_are_all_taken_and_none_are_none():
    assert sharing_words(["anything"], OTHERS, 5) == [0, 1, 2, 3, 4]
    assert sharing_words(["anything"], [], 5) == []
