import hashlib
import time

import pytest

from sitrep.errors import UserError
from sitrep.pages.html import looks_like_html, read_html
from sitrep.pages.passages import NO_PAGE_COLUMNS, page_passages
from sitrep.pages.visible_text import BETWEEN


def texts(html, **settings):
    """The blocks of a page, each as text; together they are all of it."""
    page = read_html(html, **settings)
    found = [page.text[block.start : block.end] for block in page.blocks]
    assert BETWEEN.join(found) == page.text
    return found


def body(html):
    return texts(f"<!doctype html><html><body>{html}</body></html>")


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>One.<p>Two.", ["One.", "Two."]),  # ends that are left out
        ("<div><b>Un<i>closed</b> words</div><p>Next", ["Unclosed words", "Next"]),
        ("<p>a &amp; b &lt;3 &nbsp;caf&eacute; &#8220;x&#148;</p>", ["a & b <3 \xa0café “x”"]),
        ("<div>One<br>two<br><br>three<br>\n<br/>&nbsp;<br>four</div>", ["One\ntwo", "three", "four"]),
        ("<div>Before <p>inside</p> behind</div>", ["Before", "inside", "behind"]),
        ("<ul><li>a<ul><li>b<li>c</ul><li>d</ul>", ["a", "b", "c", "d"]),
        ("<ol><li><p>a</p><p>b</p></li></ol>", ["a", "b"]),
        (
            "<table><caption>Losses</caption><tr><th>City<th>Dead<tr><td>Kharta<td>12</table>",
            ["Losses", "City\tDead", "Kharta\t12"],
        ),
        (
            "<table><tr><td><table><tr><td>x<td>y</table><td><p>p</p></table>",
            ["x\ty", "p"],
        ),
        ("<table><tr><td>menu<td>" + "word " * 60 + "</table>", ["menu", ("word " * 60).strip()]),
        ("<figure><img alt=no><figcaption>A crater.</figcaption></figure>", ["A crater."]),
        ("<a href=x><h2>Title</h2><p>Teaser</p></a>", ["Title", "Teaser"]),
        ("<a href=x>Home</a><a href=y>World</a>", ["Home World"]),
        ("<p><span>T</span>wo died in <a href=x>Kharta</a>, it said", ["Two died in Kharta, it said"]),
        ("<span>By A. Writer</span><time>3 May</time>", ["By A. Writer 3 May"]),
        ("<span class=off-screen>Photo caption</span>The old bridge", ["Photo caption The old bridge"]),
        (
            "Sign up for our<a href=x>Letter</a>, Mac<b>Donald</b> and <i>i</i>Phone",
            ["Sign up for our Letter, MacDonald and iPhone"],
        ),
        ("<pre>get<b>Name</b></pre>", ["getName"]),
        ("<table><tr><td> a </td><td> b </td></table>", ["a\tb"]),
        ("<p aria-hidden=true>On the screen</p>", ["On the screen"]),
        ("<pre>two\n  lines</pre>", ["two\n  lines"]),
        ("<p>soft\u00adhyphen and zero\u200bwidth</p>", ["softhyphen and zerowidth"]),
        ("<amp-carousel><div>Post one</div></amp-carousel><p>x", ["Post one", "x"]),
        ("<article><time>10:41</time><p>Shells fell.</p></article>", ["10:41", "Shells fell."]),
        ("<dl><dt>Dead<dd>4</dl>", ["Dead", "4"]),
        ("<select><option>A</option><option>B</option></select>", ["A B"]),
        ("<div hidden id=S:1f><p>Four were killed.</div><script>$RC('B:1f','S:1f')</script>", ["Four were killed."]),
        ("<p hidden=until-found>Folded, and found by search.", ["Folded, and found by search."]),
        ("<p dir=rtl>قُتل أربعة \u200fفي خرطة.</p>", ["قُتل أربعة \u200fفي خرطة."]),
    ],
)
def test_each_visible_block_is_text(html, blocks):
    assert body(html) == blocks


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>var x = '<p>no</p>'</script>",
        "<style>p { color: red }</style>",
        "<template><p>no</p></template>",
        "<!-- <p>no</p> -->",
        "<p style='color:red; DISPLAY : none'>no</p>",
        "<div hidden><p>no</p></div>",
        "<p style='visibility:hidden'>no</p>",
        "<svg><title>no</title></svg>",
        "<dialog>no</dialog>",
        "<iframe>no</iframe>",
        "<p>&nbsp; \u200b</p>",
    ],
)
def test_what_no_reader_sees_is_left_out(unseen):
    assert body(f"<p>a</p>{unseen}<p>b</p>") == ["a", "b"]


def test_page_that_hides_all_of_itself_until_it_is_styled_is_shown():
    assert read_html("<html hidden><body style='visibility:hidden'><p>Four were killed.").text == "Four were killed."


def test_menus_adverts_and_footers_stay_for_the_model_to_judge():
    html = "<nav><a href=1>Home</a></nav><aside>Subscribe now</aside><p>Four died.</p><footer>© Wire</footer>"
    assert body(html) == ["Home", "Subscribe now", "Four died.", "© Wire"]


def test_block_names_its_element_and_how_much_of_it_is_links():
    page = read_html("<body><div><p>x<p>One <a href=u>two</a></div><o:p>z</o:p><a name=t>target</a>")
    assert [(block.tag, block.xpath, block.link_density) for block in page.blocks] == [
        ("p", "/html[1]/body[1]/div[1]/p[1]", 0.0),
        ("p", "/html[1]/body[1]/div[1]/p[2]", 0.5),
        ("body", "/html[1]/body[1]", 0.0),
    ]


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        ("<p>Kyjív „ž“".encode(), None, "Kyjív „ž“"),
        (b"\xef\xbb\xbf<meta charset=latin-1><p>" + "né".encode(), "latin-1", "né"),
        ("<p>né".encode("utf-16"), None, "né"),
        ("<p>né".encode("utf-16-le"), None, "né"),
        ("<p>né".encode("latin-1"), "ISO-8859-1", "né"),
        ("<p>“né”".encode("cp1252"), "iso-8859-1", "“né”"),  # what browsers take it for
        (b"<meta charset='windows-1251'><p>" + "Взрыв".encode("cp1251"), None, "Взрыв"),
        (b"<?xml version='1.0' encoding='koi8-r'?><html><p>" + "Взрыв".encode("koi8-r"), None, "Взрыв"),
        (b"<meta http-equiv=Content-Type content='text/html; charset=gb2312'><p>" + "爆炸".encode("gbk"), None, "爆炸"),
        (b"<meta charset=iso-8859-1><p>" + "né – “x”".encode(), None, "né – “x”"),  # a declaration that is wrong
        (b"<meta charset=nonsense><p>" + "né".encode(), "nonsense", "né"),
        (b"<meta charset=utf-8><p>" + "né ".encode() * 600 + b"\xff.", None, "né " * 600 + "\ufffd."),
    ],
)
def test_encoding_is_found_by_mark_content_header_and_declaration(data, declared, text):
    assert texts(data, encoding=declared) == [text]


def test_encoding_that_nothing_declares_is_guessed():
    said = "Мощный взрыв прогремел в центре города утром в понедельник, погибли четыре человека, сообщила полиция. "
    assert texts(("<p>" + said * 3).encode("cp1251")) == [(said * 3).strip()]


def test_offsets_and_columns_of_sentences_are_those_of_their_block():
    html = b"""<!doctype html><head><title>Strike | Wire</title></head>
      <h1>Strike</h1><div><p>Four died. Two <a href=x>were hurt</a>.</p></div>"""
    page = read_html(html, url="https://wire.example/a")
    passages = list(page_passages(page, "a", fields={"outlet": "Wire", "title": "", "url": "https://given.example"}))
    assert [(p.text, p.fields["tag"], p.fields["link_density"]) for p in passages] == [
        ("Strike", "h1", 0.0),
        ("Four died.", "p", 0.381),
        ("Two were hurt.", "p", 0.381),
    ]
    assert all(page.text[p.start : p.end] == p.text for p in passages)
    assert passages[0].fields.keys() == NO_PAGE_COLUMNS.keys() | {"outlet"}
    assert passages[0].fields["title"] == "Strike | Wire"
    assert passages[0].fields["url"] == "https://given.example"


def test_page_says_what_it_states_of_itself():
    page = read_html(
        """<head><title>Strike kills four | Wire</title><meta property=og:site_name content="The Wire">
      <link rel=canonical href=/a/strike><script type=application/ld+json>{"@context": "https://schema.org", "@graph":
      [{"@type": "WebPage", "headline": "no"}, {"@type": ["NewsArticle"], "headline": "Strike kills four",
      "author": [{"@type": "Person", "name": "A. Writer"}, "B. Writer"], "datePublished": "2024-05-03T10:00:00Z"}]}
      </script></head><p>Four died.""",
        url="https://wire.example/amp/1",
    )
    assert page.columns() == {
        "title": "Strike kills four",
        "url": "https://wire.example/a/strike",
        "publisher": "The Wire",
        "author": "A. Writer; B. Writer",
        "date_published": "2024-05-03T10:00:00+00:00",
        "page_sha256": page.sha256,
    }


def test_authors_are_names_alone_however_the_page_spells_and_links_them():
    named = "<meta name=author content='By A. Writer'><meta name=author content='B. Writer'><p>x"
    assert read_html(named).metadata.author == "A. Writer; B. Writer"
    linked = """<script type=application/ld+json>{"@graph": [
      {"@type": "Article", "author": {"@id": "#a"}, "publisher": {"@id": "#o"}},
      {"@id": "#a", "name": "A. Writer"}, {"@id": "#o", "name": "The Wire"}]}</script><p>x"""
    assert read_html(linked).metadata.author == "A. Writer"
    assert read_html(linked).metadata.publisher == "The Wire"


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//", "file:///etc"]
)
def test_address_is_one_of_the_web(address):
    head = f"<link rel=canonical href='{address}'><meta property=og:url content='{address}'>"
    assert read_html(f"{head}<p>x").metadata.url is None
    assert read_html(f"{head}<p>x", url="https://wire.example/a").metadata.url == "https://wire.example/a"


def test_title_is_unescaped_and_no_paragraph():
    def title(headline):
        head = f'<script type=application/ld+json>{{"@type": "Article", "headline": "{headline}"}}</script>'
        return read_html(f"<head><title>Strike</title>{head}</head><p>x").metadata.title

    assert title("Strike &#8211; four dead") == "Strike – four dead"
    assert title("Four died in the strike. " * 10) == "Strike"


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ("<meta property=article:published_time content=2024-05-03>", "2024-05-03"),
        ("<meta name=date content='Fri, 03 May 2024 10:00:00 +0000'>", "2024-05-03T10:00:00+00:00"),
        ("<meta name=date content='03/05/2024'>", None),  # May or March
        ("<link rel=canonical href=https://wire.example/2024/05/03/strike>", "2024-05-03"),
        ("<time datetime=2024-05-03T10:00></time><time datetime=2024-05-03></time>", "2024-05-03T10:00:00"),
        ("<time datetime=2024-05-03></time><time datetime=2024-05-04></time>", None),  # a list of articles
        ("<script type=application/ld+json>{broken</script>", None),
        ("<script type=application/ld+json>" + "[" * 100_000 + "</script>", None),
    ],
)
def test_date_is_one_that_can_be_read_in_one_way_only(head, date):
    assert read_html(f"{head}<p>x").metadata.date_published == date


def test_hash_is_of_the_bytes():
    data = b"<p>x"
    assert read_html(data).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "is no HTML but a PDF"),
        (b"Four were killed in Kharta.", "holds no HTML tag; if it is plain text, call it .txt"),
        (b"\x89PNG\r\n\x1a\n", "is no HTML but a picture"),
        (bytes(range(1, 32)) * 40 + b"<p>", "is no HTML but binary data"),
        (b"\0" * 500, "the page is empty"),
        (b" \n", "the page is empty"),
        (b"<html><script>x</script></html>", "the page shows no text"),
        (b"<frameset><frame src=a.html><frame src=b.html></frameset>", "is a frameset; its text is in a.html, b.html"),
        (b"<div>" * 50_000 + b"x", "elements are nested more than 4,000 deep"),
    ],
)
def test_what_is_no_page_is_refused_in_one_line(data, reason):
    with pytest.raises(UserError, match=f"a.html: .*{reason}"):
        read_html(data, place="a.html")


def test_frameset_with_a_page_for_others_is_read_by_that():
    assert texts("<frameset><frame src=a><noframes><body><p>Instead</p></body></noframes></frameset>") == ["Instead"]


def test_nul_bytes_between_words_do_no_harm():
    assert texts(b"<p>Four\0 died.\0</p>") == ["Four died."]


def test_200_levels_are_read_and_named():
    page = read_html("<div>" * 200 + "deep" + "</div>" * 200)
    assert page.text == "deep"
    assert page.blocks[0].xpath.count("/div[1]") == 200


def test_entities_that_a_page_defines_are_never_expanded():
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    page = read_html(f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY e0 "ha">{bomb}]><html><p>&e9; x</p></html>')
    assert page.text == "&e9; x"


def test_script_that_closes_itself_in_xhtml_does_not_swallow_the_page():
    assert texts('<?xml version="1.0"?><html><head><script src="a.js"/><title/></head><p>Four died.</p></html>') == [
        "Four died."
    ]


@pytest.mark.slow
def test_50_megabytes_in_one_line_take_time_that_grows_with_length_only():
    began = time.process_time()
    page = read_html(b"<p>" + b"word " * 10_000_000)
    assert len(page.text) == 49_999_999
    assert time.process_time() - began < 20


@pytest.mark.slow
def test_page_of_10_megabytes_is_read_in_seconds():
    began = time.process_time()
    page = read_html("<div><p>Four <a href=x>died</a> in Kharta.</p><ul><li>a<li>b</ul></div>" * 130_000)
    assert len(page.blocks) == 390_000
    assert time.process_time() - began < 40


@pytest.mark.parametrize("text", ["<!DOCTYPE html><p>x", "\ufeff <html>", "<!-- saved --><div>x", "<p>x</p>"])
def test_html_is_known_by_how_it_begins(text):
    assert looks_like_html(text)


@pytest.mark.parametrize("text", ["Four died.", "<5 were hurt", "<name> said", "a <p> tag", "<!-- note"])
def test_text_is_not_taken_for_html(text):
    assert not looks_like_html(text)
