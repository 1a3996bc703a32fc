import pytest

from sitrep.pages.joined_rows import join_rows
from sitrep.pages.segmentation import sentence_spans
from sitrep.sentences import Passage

TELEX = [
    "[CASE] lead that was cut behind its first word, and a remark of the desk",
    "FOUR / TRUCKS OF THE CONVOY WERE BURNED BEFORE DAWN ON THE ROAD THAT LEADS TO / THE PORT.",
    "NOBODY WAS HURT.",
    "(PASSAGE OMITTED)",
    "THE COLONEL SAID THAT THE GUERRILLAS HAD COME FROM THE HILLS AND HAD / LEFT BEFORE THE ARMY CAME.",
    "[CASE] cut behind a preposition, an abbreviation that is explained, a title at the end of a line",
    "AS MEMBERS OF THE FRONT, THE TWO TOOK PART IN THE ATTACK AGAINST / THE POSTS OF TABAL AND JUANA.",
    "IN MAY THEY JOINED THE GUARD OF THE GC / (CIVIL GUARD) / IN THE TOWN OF JUANA.",
    "THE ORDER WAS GIVEN BY COL. / RUIZ, WHO HAS SINCE LEFT THE COUNTRY BY BOAT.",
    "[CASE] a headline above the copy",
    "ARMY LOSES SIX",
    "THE ARMY LOST SIX MEN ON MONDAY WHEN A PATROL WALKED INTO A TRAP NEAR / THE MILL OF BELA.",
    "THREE OF THE DEAD / WERE OFFICERS.",
    "[CASE] lines of little length, as a column of a paper has them",
    "THE REBELS SAID ON THEIR RADIO ON FRIDAY / THEY HAD TAKEN THE TOWN.",
    "THE GOVERNOR DENIED IT AND TOLD REPORTERS / HIS MEN HELD THE BRIDGE.",
    "[CASE] small letters, hard-wrapped",
    "The delegation was met at the airport by the Foreign Minister of / the republic, who took it to State House.",
    "the town had been without water since the pumps were hit by a / shell and the engineers fled.",
]

ORDINARY = [
    ["Shells hit the bridge.", "Four were killed, the ministry said.", "Share this page"],
    ["SHELLS HIT BRIDGE", "MINISTER DENIES STRIKE", "UN ENVOY CALLS FOR TALKS ON TRUCE IN THE CAPITAL"],
    ["HOME", "WORLD", "SHELLS HIT BRIDGE IN THE NORTH OF THE COUNTRY, FOUR DEAD", "ALL RIGHTS RESERVED."],
    ["He met Spc.", "Lorraine Hill at the base of the battalion on Monday.", "They spoke for an hour."],
    ["“we ran,” she said.", "They were behind us with their guns and their dogs all the way down.", "Nobody came."],
]


ONE_BELOW_THE_OTHER = {
    "bylines": """Shells hit the market of Kharta on Monday morning / by Anna Writer
        Army says that it had no aircraft in the air then. / by Omar Writer""",
    "buttons": """Learn about the fighting and its background. / close
        See a map of the front and of the camps. / close""",
    "figures": """soldiers killed on both sides of the river: 12 / civilians killed: 40 / civilians missing: 3""",
    "headline and deck": """Blast kills nine in the market of the old town / at least forty wounded, hospital says
        Army denies that it fired on the market / rebels promise revenge for the dead / No end of talks in sight""",
    "posts": """Column of forty vehicles seen moving on the city / lots of dust, hard to count
        they say the bridge is open again / port closed to all ships until further notice""",
    "items": """The parties agree to the following steps at once: / release of all prisoners held since May;
        opening of the road to the port; / return of the bodies of the fallen.""",
    "captions": """Mourners carry the coffin of a girl in Kharta / photo: A. Noor / Agency
        A woman looks for wood in the ruins of the school / photo: B. Noor / Agency""",
    "headlines in small letters": """army retakes bridge after a night of fighting in the north
        minister denies that prisoners were shot at the barracks / envoy flies to the capital as talks fall apart""",
    "log": "10:41 shells fall on the port. / 10:50 two ships burn. / 11:02 mayor says that four are dead.",
}


def cases():
    found = []
    for line in TELEX:
        if line.startswith("[CASE] "):
            found.append((line.removeprefix("[CASE] "), []))
        else:
            found[-1][1].append(line)
    return [pytest.param(sentences, id=name) for name, sentences in found]


def rows(texts, article="a"):
    return [Passage(f"{article}{n}", article, n, 0, len(text), text) for n, text in enumerate(texts)]


def read(passages):
    return [passage.read_as or passage.text for passage in passages]


@pytest.mark.parametrize("sentences", cases())
def test_lines_of_a_page_are_joined_into_sentences_with_exact_offsets(sentences):
    page = "\n".join(sentence.replace(" / ", "\n") for sentence in sentences)
    found = [page[start:end] for start, end in sentence_spans(page)]
    assert found == [sentence.replace(" / ", "\n") for sentence in sentences]


@pytest.mark.parametrize("sentences", cases())
def test_every_row_is_read_as_its_sentence_and_keeps_its_own_id_text_and_offsets(sentences):
    lines = [(line, sentence.replace(" / ", " ")) for sentence in sentences for line in sentence.split(" / ")]
    given = rows([line for line, _ in lines])
    found = list(join_rows(given))
    assert read(found) == [sentence for _, sentence in lines]
    assert [(p.id, p.text, p.start, p.end) for p in found] == [(p.id, p.text, p.start, p.end) for p in given]


@pytest.mark.parametrize("texts", ORDINARY)
def test_ordinary_rows_pass_unchanged(texts):
    assert list(join_rows(rows(texts))) == rows(texts)


@pytest.mark.parametrize("text", ONE_BELOW_THE_OTHER.values(), ids=ONE_BELOW_THE_OTHER)
def test_lines_that_stand_one_below_the_other_are_not_joined(text):
    lines = rows([line.strip() for part in text.split("\n") for line in part.split(" / ")])
    assert list(join_rows(lines)) == lines


def test_a_line_with_parts_of_two_sentences_gets_that_of_which_it_holds_more():
    lines = [
        "THE CONVOY WAS BURNED BEFORE DAWN ON THE ROAD THAT LEADS TO THE PORT",
        "OF SAN JUAN. NOBODY WAS HURT AND THE ROAD WAS OPEN TO CARS BY NOON,",
        "A MAYOR SAID.",
        "THE ARMY DID NOT COMMENT ON THE ATTACK.",
    ]
    second = "NOBODY WAS HURT AND THE ROAD WAS OPEN TO CARS BY NOON, A MAYOR SAID."
    assert read(join_rows(rows(lines)))[1:] == [second, second, lines[3]]


def test_articles_are_never_joined_with_each_other_nor_across_a_gap_of_positions():
    lines = ["THE CONVOY WAS BURNED BEFORE DAWN ON THE ROAD TO", "THE PORT.", "NOBODY WAS HURT IN THE ATTACK."]
    apart = [*rows(lines[:1], "a"), *rows(lines[1:], "b")]
    assert list(join_rows(apart)) == apart
    gap = [Passage("x", "a", 7, 0, len(lines[0]), lines[0]), *rows(lines[1:])]
    assert list(join_rows(gap)) == gap
