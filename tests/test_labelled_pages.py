"""Labelled sentences put back into their page: coloured HTML, an index, and text without boilerplate."""

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import TAXONOMY

from sitrep.errors import UserError
from sitrep.labelled_pages.assembly import LOOSE_ROWS, PageAssembly
from sitrep.labelled_pages.clean_text import clean_markdown, clean_text, left_out_labels
from sitrep.labelled_pages.coloured import count, render_coloured, render_index, render_section
from sitrep.labelled_pages.colours import looks_of
from sitrep.labelled_pages.file_names import LONGEST, FileNames, link_to
from sitrep.labelled_pages.frame import GENERATOR
from sitrep.labels import Taxonomy
from sitrep.pages.html import read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import MAIN_TEXT, Passage, Prediction

LOOKS = looks_of(TAXONOMY)
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels
LEFT_OUT = left_out_labels(TAXONOMY)
HOSTILE = (
    "</script><script>faults.push(1)</script> <img src=x onerror=faults.push(2)> </style> <!-- \" ' ` & "
    "{{ 7 * 7 }} {% raw %} ${1} <a href='javascript:faults.push(3)'>"
)


def said(passage, label=NONE, confidence=0.9, decision="accept", labels=None):
    rest = (1 - confidence) / (len(TAXONOMY.labels) - 1)
    probabilities = {name: confidence if name == label else rest for name in TAXONOMY.labels}
    return Prediction(passage, label, probabilities, False, labels, decision)


def boilerplate_if_marked(passage):
    """Texts of tests mark what is to be boilerplate by a hash."""
    return said(passage, BOILERPLATE if "#" in passage.text else NONE)


def assembled(predictions):
    pages = []
    assembly = PageAssembly(pages.append)
    for prediction in predictions:
        assembly.add(prediction)
    assembly.close()
    return pages


def page_of(text, name="a", label=boilerplate_if_marked):
    (page,) = assembled(map(label, article_passages(text, name)))
    return page


def coloured(*pages):
    counts = count(pages[0])
    for page in pages[1:]:
        counts.add(count(page))
    return "".join(render_coloured("Title", [render_section(page, LOOKS) for page in pages], counts, LOOKS))


class Reader(HTMLParser):
    """Collects tags, and the text of paragraphs but for what is only spoken."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.paragraphs, self.within = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "input", "img"):
            self.within.append((tag, dict(attributes).get("class")))
        if tag == "p" and any(name == "main" for name, _ in self.within):
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        self.within.pop()

    def handle_data(self, data):
        if any(name == "p" for name, _ in self.within) and ("span", "h") not in self.within and self.paragraphs:
            self.paragraphs[-1] += data


TEXT = "  Home | World\r\n\r\nShells hit.  Four\nwere killed.\nNext line\n \n\n\tLast — one.\n"


def test_text_of_the_page_stands_there_as_it_was_by_paragraphs_and_lines():
    shown = Reader(coloured(page_of(TEXT))).paragraphs[1:]  # behind the line of counts
    assert [text.strip() for text in shown] == [
        "Home | World",
        "Shells hit.  Four\nwere killed.\nNext line",
        "Last — one.",
    ]


def test_text_that_no_sentence_covers_stays_readable():
    source = "intro\n\nOne. (aside) Two.\n\nmore\n\nThree. end"
    spans = [(source.index(text), text) for text in ("One.", "Two.", "Three.")]
    passages = [
        Passage(f"a:{n}", "a", n, at, at + len(text), text, source=source) for n, (at, text) in enumerate(spans)
    ]
    (page,) = assembled(map(said, passages))
    shown = [text.strip() for text in Reader(coloured(page)).paragraphs[1:]]
    assert shown == ["intro", "One. (aside) Two.", "more", "Three. end"]


def test_articles_part_pages_and_rows_of_no_article_make_one():
    rows = [Passage(f"table:{n}", f"table:{n}", 0, 0, 4, "Row.") for n in range(3)]
    pages = assembled(map(said, [*article_passages("One. Two.", "a"), *article_passages("One.", "b"), *rows]))
    assert [(page.name, len(page.pieces)) for page in pages] == [("a", 2), ("b", 1), ("table", 3)]
    assert [piece.before for piece in pages[2].pieces] == ["", "\n", "\n"]


def test_endless_table_of_rows_is_cut_into_pages():
    rows = (Passage(str(n), str(n), 0, 0, 4, "Row.") for n in range(LOOSE_ROWS + 1))
    pages = assembled(map(said, rows))
    assert [(page.heading, len(page.pieces)) for page in pages] == [("rows", LOOSE_ROWS), ("rows (part 2)", 1)]


def test_two_texts_of_one_article_are_paragraphs_of_one_page():
    pages = assembled(map(said, [*article_passages("One.\n", "a"), *article_passages("Two.", "a", first_position=1)]))
    assert [[piece.before for piece in page.pieces] for page in pages] == [["", "\n\n"]]


def test_title_of_the_page_is_its_heading():
    passages = article_passages("One.", "a", fields={"title": "Shells <hit>"})
    (page,) = assembled(map(said, passages))
    assert page.heading == "Shells <hit>"
    assert '<h2 dir="auto">Shells &lt;hit&gt;</h2>' in coloured(page)


def test_headings_of_the_page_are_headings_and_text_in_other_languages_is_not_read_out_as_english():
    (passage,) = article_passages("قصف الجسر", "a", fields={"tag": "h2"})
    (page,) = assembled([replace(said(passage), unfamiliar="other_script")])
    written = coloured(page)
    assert '<p dir="auto" class="in-h2" role="heading" aria-level="4">' in written
    assert '<u lang="">قصف الجسر</u>' in written
    assert 'lang=""' not in coloured(page_of("Shells hit the bridge."))


def test_every_sentence_carries_its_figures_for_mouse_and_screen_reader():
    page = page_of("Shells hit the bridge.", label=lambda p: said(p, ATTACK, 0.8, "review"))
    tags = [attributes for tag, attributes in Reader(coloured(page)).tags if "data-p" in attributes]
    assert tags == [
        {
            "class": "s k0 r",
            "data-l": "0",
            "data-k": "A",
            "data-p": "0.800 0.050 0.050 0.050 0.050",
            "title": "attack_description 0.800 official_statement 0.050 casualty_report 0.050 boilerplate 0.050 "
            "none 0.050 · to review",
        }
    ]
    assert '<span class="h" dir="ltr">attack_description 0.80, to review: </span>' in coloured(page)


def test_what_is_odd_about_a_sentence_is_told_with_its_figures():
    passage = next(article_passages("Shells hit.", "a"))
    odd = Prediction(passage, NONE, dict.fromkeys(TAXONOMY.labels, 0.2), True, None, "review", unfamiliar='a "script"')
    (page,) = assembled([odd])
    (attributes,) = [attributes for _, attributes in Reader(coloured(page)).tags if "data-p" in attributes]
    assert attributes["data-n"] == 'too long for the model, its end was not read; unfamiliar: a "script"'
    assert attributes["title"].endswith(
        '· too long for the model, its end was not read · unfamiliar: a "script" · to review'
    )


def test_sentence_of_several_classes_has_the_letters_of_all_and_counts_for_each():
    page = page_of("Shells hit, four killed.", label=lambda p: said(p, TOLL, labels=(ATTACK, TOLL)))
    assert 'class="s k2" data-l="2 0" data-k="CA"' in coloured(page)
    assert count(page).labels == {TOLL: 1, ATTACK: 1}


def test_legend_counts_labels_and_review():
    page = page_of("One.\n#two\n#three", label=lambda p: said(p, BOILERPLATE if "#" in p.text else NONE, 0.9, "review"))
    plain = re.sub(r"<[^>]+>| +", " ", coloured(page).split("</style>")[1])
    numbers = dict(re.findall(r"(\w+) +(\d+) ", plain.split("to review")[0]))
    assert numbers == {ATTACK: "0", STATEMENT: "0", TOLL: "0", BOILERPLATE: "2", NONE: "1"}
    assert "3 sentences, 3 to review" in plain


def test_nothing_of_a_hostile_page_becomes_markup():
    passages = article_passages(HOSTILE, HOSTILE, fields={"title": HOSTILE, "tag": HOSTILE})
    pages = assembled(map(said, passages))
    rows = [(page.heading, page.name, link_to(FileNames(".html").of(page.name)), count(page)) for page in pages]
    for page in (coloured(*pages), "".join(render_index(rows, count(pages[0]), LOOKS))):
        tags = Reader(page).tags
        assert [tag for tag, _ in tags].count("script") == [tag for tag, _ in tags].count("style") == 1
        assert not {"img", "iframe", "link", "base"} & {tag for tag, _ in tags}
        assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
        assert not [a["href"] for _, a in tags if ":" in a.get("href", "")]


def test_taxonomy_of_a_user_cannot_break_out_either():
    taxonomy = Taxonomy({'<img src=x> "a"': "<script>", "b": ""})
    looks = looks_of(taxonomy)
    prediction = Prediction(next(article_passages("One.", "a")), '<img src=x> "a"', {'<img src=x> "a"': 1.0, "b": 0.0})
    (page,) = assembled([prediction])
    written = "".join(render_coloured("t", [render_section(page, looks)], count(page), looks))
    assert not {"img"} & {tag for tag, _ in Reader(written).tags}
    assert written.count("<script>") == 1


def test_policy_allows_the_own_style_and_script_alone_and_no_network():
    page = coloured(page_of("One."))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S{44}'; script-src 'sha256-\S{44}'; base-uri 'none'; "
        r"form-action 'none'",
        policy,
    )
    assert GENERATOR in page[:1024]
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)


def test_characters_that_html_cannot_hold_are_shown_as_replaced():
    passage = Passage("caf\udce9:0", "caf\udce9", 0, 0, 6, "a\0b\x1bc.", source="a\0b\x1bc.")
    (page,) = assembled([said(passage)])
    written = coloured(page)
    assert "a\ufffdb\ufffdc." in written
    assert written.encode("utf-8")


# --- colours


def linear(colour):
    value = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear sRGB, under D65."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ rgb / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


SIGHT = {  # Machado, Oliveira and Fernandes 2009, severity 1
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def contrast(one, other):
    low, high = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def schemes():
    style = coloured(page_of("One."))
    light, dark = re.findall(r":root \{([^}]+)\}", style)
    return [dict(re.findall(r"--(\w+): (#\w+)", text.replace("#fff;", "#ffffff;"))) for text in (light, dark)]


@pytest.mark.parametrize("sight", SIGHT)
def test_shipped_classes_differ_for_every_kind_of_colour_vision(sight):
    for scheme in schemes():
        seen = [
            lab(np.clip(np.array(SIGHT[sight]) @ linear(scheme[name]), 0, 1))
            for name in ("k0", "k1", "k2", "grey", "page")
        ]
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 10


def test_text_on_every_colour_has_the_contrast_that_reading_needs():
    for scheme in schemes():
        for name in ("page", "tint", "grey", *(f"k{n}" for n in range(6))):
            assert contrast(scheme[name], scheme["ink"]) >= 4.5, name
        assert min(contrast(scheme["page"], scheme[name]) for name in ("soft", "accent")) >= 4.5
        assert contrast(scheme["tint"], scheme["accent"]) >= 3  # the ring of the focus


def test_every_label_has_a_letter_of_its_own_and_the_negative_one_none():
    assert [(look.style, look.letter) for look in LOOKS.values()] == [
        ("k0", "A"), ("k1", "O"), ("k2", "C"), ("grey", "B"), ("plain", ""),
    ]  # fmt: skip
    many = looks_of(Taxonomy({f"a{'b' * n}": "" for n in range(40)}))
    assert len({look.letter for look in many.values()}) == 40


# --- names of files


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("story", "story.html"),
        ("sub/story", "sub/story.html"),
        ("../../etc/passwd", "etc/passwd.html"),
        ("/abs", "abs.html"),
        ("C:\\x\\y", "C/x/y.html"),
        ("https://a.example/b?c=d&e", "https/a_example/b_c=d_e.html"),
        ("..", "page.html"),
        ("", "page.html"),
        (".hidden", "hidden.html"),
        ("-rf", "rf.html"),
        ("con", "con_.html"),
        ("LPT1.x", "LPT1.x_.html"),
        ("index", "index_.html"),
        ("a\0b\nc", "a_b_c.html"),
        ("caf\udce9", "caf.html"),
        ("مدينة 1", "مدينة_1.html"),
        ("pages.html/x", "pages_html/x.html"),
        ("x" * 300, "x" * LONGEST + ".html"),
        ("/".join("abcdefghijkl"), "a/b/c/d/e/f/g/h/i_j_k_l.html"),
    ],
)
def test_file_name_is_safe_whatever_the_page_is_called(page, path):
    assert str(FileNames(".html").of(page)) == path


def test_no_two_pages_get_one_file():
    names = FileNames(".txt")
    given = [str(names.of(page)) for page in ("a", "A", "a", "a/b", "a:b", "a?b")]
    assert given == ["a.txt", "A-2.txt", "a-3.txt", "a/b.txt", "a_b.txt", "a_b-2.txt"]


def test_links_are_quoted():
    assert link_to(FileNames(".html").of("50%+é 1")) == "50_%2B%C3%A9_1.html"


# --- without boilerplate


@pytest.mark.parametrize(
    ("page", "clean"),
    [
        ("One.  Two.\nThree.\n\n\nFour.", "One.  Two.\nThree.\n\n\nFour.\n"),
        ("#menu\n#share\n\nOne.\n\n#advert\n\nTwo.\n#foot", "One.\n\nTwo.\n"),
        ("One.\n#advert\nTwo.", "One.\nTwo.\n"),
        ("One. #advert. Two.", "One. Two.\n"),
        ("One.\n\n#a\n#b\nTwo.", "One.\n\nTwo.\n"),
        ("One.\n#a\n\n#b\nTwo.", "One.\n\nTwo.\n"),
        ("#menu\n#foot", ""),
    ],
)
def test_clean_text_keeps_the_rest_and_its_paragraphs(page, clean):
    assert clean_text(page_of(page), LEFT_OUT) == clean


def test_clean_markdown_of_plain_text_shows_it_as_it_is():
    page = page_of("# One\n\n1. Two *three* [four](x) <b>\nnext line\n\n- five_six_\n\n#menu\n\n2031", label=said)
    assert clean_markdown(page, LEFT_OUT) == (
        "\\# One\n\n1\\. Two \\*three\\* \\[four\\](x) \\<b\\>  \nnext line\n\n\\- five\\_six\\_\n\n\\#menu\n\n2031\n"
    )


def test_clean_markdown_uses_the_blocks_of_the_page_where_they_are_known():
    parts = [
        ("h1", "Shells hit"), ("p", "One. Two."), ("li", "first"), ("li", "second"), ("blockquote", "We deny it."),
        ("p", "#share"), ("pre", "a  b\n``` c"), ("p", "One line\nanother"), ("h3", "Later"),
    ]  # fmt: skip
    source = "\n\n".join(text for _, text in parts)
    passages, place = [], 0
    for tag, text in parts:
        for sentence in ["One.", "Two."] if "Two" in text else text.split("\n"):
            start = source.index(sentence, place)
            place = start + len(sentence)
            passages.append(Passage(f"a:{start}", "a", len(passages), start, place, sentence, {"tag": tag}, source))
    (page,) = assembled(map(boilerplate_if_marked, passages))
    assert clean_markdown(page, LEFT_OUT) == (
        "# Shells hit\n\nOne. Two.\n\n- first\n- second\n\n> We deny it.\n\n````\na  b\n``` c\n````\n\n"
        "One line  \nanother\n\n### Later\n"
    )


def test_clean_page_of_html_goes_by_main_text_and_keeps_its_headline():
    html = "<h1>Shells hit</h1><p>Four were killed.</p><p>Read more</p><p>Two fled.</p><p>Sign up</p>"
    seen = {
        "Shells hit": (0.1, 0.3),
        "Four were killed.": (0.9, 0.6),
        "Read more": (0.2, 0.2),
        "Two fled.": (0.2, 0.05),  # the model is sure
        "Sign up": (0.05, 0.05),
    }
    said = []
    for passage in page_passages(read_html(html), "a"):
        main_text, boilerplate = seen[passage.text]
        passage = replace(passage, fields={**passage.fields, MAIN_TEXT: main_text})
        said.append(Prediction(passage, "none", {"boilerplate": boilerplate, "none": 1 - boilerplate}))
    (page,) = assembled(said)
    assert clean_text(page, LEFT_OUT) == "Shells hit\n\nFour were killed.\n\nTwo fled.\n"
    assert clean_markdown(page, LEFT_OUT) == "# Shells hit\n\nFour were killed.\n\nTwo fled.\n"


def test_what_is_left_out_is_boilerplate_or_the_exclusive_class_of_a_taxonomy():
    assert left_out_labels(Taxonomy({"toll": "", "menu": ""}, exclusive=("menu",))) == {"menu"}
    with pytest.raises(UserError, match=r"clean=true: the checkpoint knows no boilerplate.*its labels are a, b"):
        left_out_labels(Taxonomy({"a": "", "b": ""}))
