import random

from sitrep.inference.duplicates import find_repeats
from sitrep.pages.passages import article_passages

STORY = (
    "Shells hit the market of Kharta on Monday while people were queuing for bread. "
    "Nine people died and some forty were wounded, the head of the town's hospital said. "
    "The army said that none of its batteries had fired that day. "
    "A spokesman for the rebels called the attack a massacre and blamed the garrison. "
    "The governor has asked the mission of the United Nations to look into it."
)
EDITED = (
    "KHARTA (Wire) - Shells hit the central market of Kharta on Monday while people were queuing for bread. "
    "Nine people died and some forty were wounded, the head of the hospital said. "
    "The army said that none of its batteries had fired that day."
)
OTHER = (
    "Gunmen stopped a bus on the road to Bela and took eleven passengers with them. "
    "The driver walked for three hours before he met a patrol of the gendarmerie. "
    "No group has said that it holds the men, and no ransom has been asked. "
    "Two of the passengers are teachers from the coast, their union said."
)
MENU = "Home\nWorld\nSport\nSign in\nShare this\nRead more\nAll rights reserved\n"
NOTICE = (
    "We and our partners use cookies to give you the best online experience.\n"
    "You can change your choice at any time in the settings of this site.\n"
)


def repeats(pages):
    return find_repeats(passage for name, text in pages.items() for passage in article_passages(text, name))


def sentence_groups(pages):
    found = repeats(pages)
    return {
        passage.text: found.fields(passage)["sentence_group"]
        for name, text in pages.items()
        for passage in article_passages(text, name)
    }


def test_a_story_and_its_shorter_edition_are_one_group_and_another_story_is_none():
    found = repeats({"a": STORY, "b": OTHER, "c": EDITED}).pages
    assert set(found) == {"a", "c"}
    assert found["a"] == found["c"]


def test_sentences_that_were_re_edited_share_a_group_and_others_have_none():
    found = sentence_groups({"a": STORY, "c": EDITED})
    dead = [name for text, name in found.items() if text.startswith("Nine people died")]
    assert len(dead) == 2
    assert dead[0] == dead[1] is not None
    assert [name for text, name in found.items() if text.startswith("The governor")] == [None]


def test_case_punctuation_and_white_space_make_no_difference():
    pages = {"a": STORY, "b": STORY.upper().replace(",", " --").replace(" ", "  ")}
    found = repeats(pages)
    assert found.pages["a"] == found.pages["b"]
    assert len(found.passages) == 5


def test_menus_and_notices_of_a_site_make_no_group_of_its_pages():
    def story(number):
        rng = random.Random(number)
        return " ".join(f"The {' '.join(f'w{rng.randrange(9999)}' for _ in range(12))} fled." for _ in range(4))

    pages = {f"p{number}": MENU + NOTICE + story(number) + "\n" + MENU for number in range(8)}
    found = repeats(pages)
    assert found.pages == {}
    assert sorted(found.passages.values()) == [8, 8]  # the notice's sentences; the menu's lines are too short


def test_a_sentence_that_stands_alone_in_a_row_has_a_group_and_no_page():
    passages = [next(article_passages(STORY, name, name)) for name in "ab"]
    alone = [type(passage)(passage.article_id, passage.article_id, 0, 0, 0, passage.text) for passage in passages]
    found = find_repeats(alone)
    assert found.pages == {}
    assert found.passages.total() == 2


def test_names_do_not_depend_on_the_order_of_pages():
    pages = {"a": STORY, "b": OTHER, "c": EDITED, "d": OTHER.replace("eleven", "twelve"), "e": MENU + STORY}
    wanted = repeats(pages)
    for seed in range(5):
        names = list(pages)
        random.Random(seed).shuffle(names)
        found = repeats({name: pages[name] for name in names})
        assert (found.pages, found.sentences, found.passages) == (wanted.pages, wanted.sentences, wanted.passages)


def test_same_short_pages_are_a_group_only_if_they_say_something():
    one = "Two soldiers died when their lorry hit a mine near Bela."
    found = repeats({"a": one, "b": one, "c": MENU, "d": MENU})
    assert set(found.pages) == {"a", "b"}


def test_thousands_of_alerts_of_one_mould_are_one_group_in_little_time():
    alert = (
        "Sirens sound in the district of {} and people are asked to stay in shelters until the alarm is lifted there"
    )
    rng = random.Random(0)
    texts = [alert.format(f"{rng.randrange(10**6)} {rng.randrange(10**6)}") for _ in range(2000)]
    found = find_repeats(article_passages("\n".join(texts), "alerts"))
    assert len(found.passages) == 1
    assert found.passages.total() == 2000
