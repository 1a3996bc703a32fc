"""The page for coders in a real browser: a session by the keyboard alone, kept, saved and read back."""

import json
import random
from dataclasses import replace

import pytest
from browser import NEEDS_BROWSER, WIDTHS_PIXELS
from browser_session import browsing
from conftest import PROJECT, TAXONOMY

from sitrep.data.own_labels import SampledUnit, text_hash
from sitrep.labelling.answers import check_answers
from sitrep.labelling.exchange import Answer, Assignment
from sitrep.labelling.labelling_page import read_page_labels, write_page
from sitrep.labels import Taxonomy

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels
NASTY = [
    "tab\tand\nnew line\r\nand return\r",
    "=SUM(A1:A9)",
    "@cmd|' /C calc'!A0",
    "\u202eright to left\u202c \u200f\u061c",
    "قال متحدث باسم الوزارة إن الجسر أصيب.",
    "nul \0 here, escape \x1b, delete \x7f, C1 \x85",
    "</script><script>window.ran = 1</script><!-- <script> ]]> &amp; &lt;",
    "<img src=x onerror='window.ran = 2'>",
    "line \u2028 and paragraph \u2029",
    "halves \ud83d and \udc80 alone",
    "👩🏽‍🚒 emoji 🇺🇦 and \ufeff mark \ufffe \uffff",
    "  blanks around  ",
    "x" * 5000,
]


def units(number=200):
    """Units of ten pages; the first texts are what breaks programs."""
    texts = (NASTY + [f"Shells hit bridge {n} of the town." for n in range(number)])[:number]
    return [
        SampledUnit(f"p{n % 10}:{n}", f"p{n % 10}", n, text, ("Line before.", text), ("Line behind.",), guess=TOLL)
        for n, text in enumerate(texts)
    ]


UNITS = units()
SHOWN = "document.getElementById('text').textContent"
STATUS = "document.getElementById('status').textContent"
PLACE = "document.getElementById('place').textContent"
COUNTS = "document.getElementById('counts').textContent"
WRONG = "[...document.querySelectorAll('#problems li')].map(x => x.textContent)"
PRESSED = "[...document.querySelectorAll('#labels button[aria-pressed=true] u')].map(u => u.textContent)"
# As numbers of UTF-16, since half a character does not come through JSON.
DATA = "JSON.parse(document.getElementById('data').textContent)"
TEXTS = f"{DATA}.units.map(({{ text }}) => [...Array(text.length).keys()].map(place => text.charCodeAt(place)))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as session:
        yield session


@pytest.fixture
def page(browser, tmp_path):
    """Writes pages and opens them from the disk; no fault comes up in them, and nothing is fetched."""
    browser.events.clear()

    def opened(made=UNITS, coder="anna", taxonomy=TAXONOMY, show_guess=False, **how):
        path = tmp_path / f"page-{coder}.html"
        write_page(path, made, Assignment(taxonomy, coder, show_guess))
        browser.open("about:blank")
        browser.open(path.as_uri(), **how)
        return browser

    yield opened
    assert browser.faults() == []
    assert not [address for address in browser.addresses() if not address.startswith(("file:", "blob:", "about:"))]
    browser.ask("try { localStorage.clear() } catch {}")


def saved(session, tmp_path, coder="anna"):
    session.press("s")
    content = session.downloaded(f"labels-{coder}.jsonl")
    path = tmp_path / f"labels-{coder}.jsonl"
    path.write_bytes(content)
    return path, list(read_page_labels(path))


def answer(unit, label, *further, **rest):
    labels = () if label == NONE else (label, *further)
    return Answer("", unit.id, unit.text_hash, None, label, labels, "anna", **rest)


def without_place(answers):
    return [replace(one, place="") for one in answers]


def test_session_of_two_hundred_units_takes_the_keyboard_alone_and_comes_back_as_it_was_said(page, tmp_path):
    session = page()
    choice = random.Random(3)
    wanted = []
    for number, unit in enumerate(UNITS):
        assert session.ask(PLACE) == f"Unit {number + 1} of 200"
        label = TAXONOMY.labels.index(choice.choice(TAXONOMY.labels))
        further, unsure = [], number % 7 == 3
        if label < 3 and number % 3 == 0:
            further = [(label + 1) % 3]
            session.press(str(further[0] + 1), shift=True)
        if unsure:
            session.press("?", shift=True)
        session.press(str(label + 1))
        names = [TAXONOMY.labels[place] for place in (label, *further)]
        wanted.append(answer(unit, *names, unsure=unsure))
        if number == 100:  # and back, with another mind
            session.press("u")
            assert session.ask(PLACE) == "Unit 101 of 200"
            session.press("5")
            wanted[-1] = answer(unit, NONE, unsure=unsure)
    assert session.ask(COUNTS) == "200 of 200 labelled, 29 unsure"
    assert "all 200 are labelled" in session.ask(STATUS)
    path, answers = saved(session, tmp_path)
    assert without_place(answers) == wanted
    imported = check_answers(answers, UNITS, TAXONOMY, path)
    assert [(one.unit, one.label, set(one.labels), one.coder, one.unsure) for one in imported.labels] == [
        (unit, said.label, set(said.labels), "anna", said.unsure) for unit, said in zip(UNITS, wanted, strict=True)
    ]
    assert (imported.unlabelled, imported.absent) == (0, 0)
    assert session.ask("window.ran ?? 0") == 0


def test_texts_stand_in_the_page_to_the_last_bit(page):
    session = page()
    assert session.ask(TEXTS) == [
        [int.from_bytes(text[i : i + 2], "little") for i in range(0, len(text), 2)]
        for text in (unit.text.encode("utf-16-le", "surrogatepass") for unit in UNITS)
    ]
    for unit in UNITS[: len(NASTY)]:
        if unit.text.encode("utf-8", "ignore").decode() == unit.text:
            assert session.ask(SHOWN) == unit.text
        session.press("ArrowRight")
    assert session.ask("window.ran ?? 0") == 0
    assert text_hash(UNITS[9].text) == UNITS[9].text_hash


def test_comment_keeps_tabs_new_lines_and_marks_and_is_undone_as_one_step(page, tmp_path):
    session = page()
    words = "a\tb\nsecond line \u200f\u202eמילה =1+1 </script>"
    session.press("c")
    session.type(words)
    assert session.ask("document.activeElement.id") == "comment"
    session.press("1")  # a digit is part of the comment there
    session.press("Enter")
    assert session.ask(PLACE) == "Unit 1 of 200"
    session.press("2")
    session.press("c")
    session.type("not kept")
    session.press("Escape")
    session.press("3")
    session.press("c")
    session.type("only a comment")
    session.press("Enter")
    path, answers = saved(session, tmp_path)
    assert without_place(answers) == [
        answer(UNITS[0], STATEMENT, comment=words),
        answer(UNITS[1], TOLL),
        Answer("", UNITS[2].id, UNITS[2].text_hash, annotator="anna", comment="only a comment"),
    ]
    for _ in range(2):
        session.press("u")
    assert session.ask(COUNTS) == "1 of 200 labelled, 0 unsure"
    session.press("u")
    session.press("u")
    assert session.ask("document.getElementById('marks').textContent") == ""
    assert path.read_text(encoding="utf-8").count("\n") == 3


def test_exclusive_classes_and_none_go_with_no_other(page, tmp_path):
    session = page()
    session.press("2", shift=True)
    assert session.ask(STATUS) == f"also {STATEMENT}; now the label itself"
    session.press("4")
    assert session.ask(STATUS) == f"{BOILERPLATE} alone; {STATEMENT} left out"
    session.press("4", shift=True)
    session.press("5", shift=True)
    assert "goes with no other class" in session.ask(STATUS)
    session.press("1")
    session.press("k")
    for key in ("4", "5", "1"):
        session.press(key, shift=True)
    assert session.ask(STATUS) == f"{ATTACK} is its label already"
    session.press("3", shift=True)
    session.press("2", shift=True)
    session.press("3", shift=True)
    assert session.ask(STATUS) == f"{TOLL} taken off"
    session.press("j")
    session.press("0")  # what no class applies to, as on the page of the server
    assert without_place(saved(session, tmp_path)[1]) == [
        answer(UNITS[0], BOILERPLATE),
        answer(UNITS[1], ATTACK, STATEMENT),
        answer(UNITS[2], NONE),
    ]


def test_what_was_said_is_there_again_after_the_page_was_left(page, tmp_path):
    session = page()
    for key in "123":
        session.press(key)
    session.press("?", shift=True)
    session.press("c")
    session.type("half a com")
    session.open(session.ask("location.href"))
    dialogs = [event for event in session.events if event.get("method") == "Page.javascriptDialogOpening"]
    assert [dialog["params"]["type"] for dialog in dialogs] == ["beforeunload"]
    assert session.ask(COUNTS) == "3 of 200 labelled, 1 unsure"
    assert session.ask(PLACE) == "Unit 4 of 200"
    assert session.ask(STATUS) == "went on where you were: 4 units kept"
    session.press("4")
    answers = saved(session, tmp_path)[1]
    assert [one.label for one in answers] == [ATTACK, STATEMENT, TOLL, BOILERPLATE]
    assert (answers[3].unsure, answers[3].comment) == (True, "half a com")
    session.events.clear()
    page(list(reversed(UNITS)))  # the same units in another order, nothing unsaved
    assert not [event for event in session.events if event.get("method") == "Page.javascriptDialogOpening"]
    assert session.ask(COUNTS) == "4 of 200 labelled, 1 unsure"
    page(coder="ben")
    assert session.ask(COUNTS) == "0 of 200 labelled, 0 unsure"
    page(UNITS[:50])
    assert session.ask(COUNTS).startswith("0 of 50")


def test_saved_file_is_opened_elsewhere_and_others_are_refused_whole(page, tmp_path):
    session = page()
    session.press("3", shift=True)
    session.press("1")
    session.press("j")
    session.press("4")
    path, answers = saved(session, tmp_path)
    session.ask("localStorage.clear()")
    page()
    assert session.ask(COUNTS) == "0 of 200 labelled, 0 unsure"
    session.choose_files("#file", path)
    session.until(f"{STATUS} === 'labels-anna.jsonl: 2 rows opened'")
    assert session.ask(PLACE) == "Unit 2 of 200"
    assert saved(session, tmp_path)[1] == answers
    session.press("u")
    assert session.ask(COUNTS) == "0 of 200 labelled, 0 unsure"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wrong = {
        "line 2: is of the coder ben, not of anna": rows[1] | {"coder": "ben"},
        "line 2: is of another sample": rows[1] | {"text_hash": "0" * 16},
        "line 2: there is no label weather here": rows[1] | {"label": "weather"},
    }
    for message, row in wrong.items():
        path.write_text("".join(json.dumps(item) + "\n" for item in (rows[0], row)), encoding="utf-8")
        session.choose_files("#file", path)
        session.until(f"{WRONG}.length && {WRONG}[0].includes({json.dumps(message)})")
        assert session.ask(COUNTS) == "0 of 200 labelled, 0 unsure"


def test_coder_is_asked_for_and_remembered(page, tmp_path):
    session = page(coder="")
    assert session.ask("document.getElementById('work').hidden")
    assert session.ask("document.activeElement.id") == "name"
    session.press("1")
    session.type("Zoë / 2")
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    session.call("Input.dispatchKeyEvent", type="keyDown", **enter)
    session.press("1")
    path = saved(session, tmp_path, "Zoë_2")[0]
    assert json.loads(path.read_text(encoding="utf-8"))["coder"] == "Zoë / 2"
    page(coder="")
    assert session.ask(COUNTS) == "1 of 200 labelled, 0 unsure"
    assert session.ask("document.getElementById('coder').textContent") == "Zoë / 2"


def test_browser_that_keeps_nothing_is_said_and_the_file_is_asked_for(page, tmp_path):
    session = page()
    refusing = "Storage.prototype.setItem = Storage.prototype.getItem = () => { throw new Error('no') }"
    script = session.call("Page.addScriptToEvaluateOnNewDocument", source=refusing)["identifier"]
    page()
    try:
        assert session.ask(WRONG)[0].startswith("This browser keeps nothing of this page")
        for _ in range(20):
            session.press("1")
        assert session.ask(WRONG)[1] == "20 changes since the file was saved: press s."
        assert len(saved(session, tmp_path)[1]) == 20
        assert session.ask(WRONG) == []
    finally:
        session.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_guess_is_in_the_page_only_where_it_is_asked_for(page):
    session = page()
    assert session.ask("document.getElementById('guess').hidden")
    assert not session.ask("document.getElementById('data').textContent.includes('guess')")
    page(show_guess=True)
    assert session.ask("document.getElementById('guess').textContent") == f"The model says: {TOLL}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS_PIXELS)
def test_page_fits_the_screen_and_is_told_to_screen_readers(page, width, dark):
    session = page(width=width, dark=dark)
    session.press("1")
    session.press("ArrowLeft")
    session.press("2", shift=True)
    assert session.ask("document.documentElement.scrollWidth") <= width
    assert session.ask(PRESSED) == [ATTACK]
    assert session.ask("document.activeElement.getAttribute('role')") == "application"
    assert session.ask("document.getElementById('spoken').getAttribute('role')") == "status"
    assert session.ask("document.getElementById('spoken').textContent") == f"also {STATEMENT}"
    unnamed = "[...document.querySelectorAll('input, textarea')].filter(x => !x.labels.length && !x.ariaLabel).length"
    assert session.ask(unnamed) == 0
    described = "[...document.querySelectorAll('[aria-describedby]')].map(x => x.getAttribute('aria-describedby'))"
    assert session.ask(f"{described}.every(id => document.getElementById(id))")
    outline = session.ask("getComputedStyle(document.activeElement).outline")
    assert "3px" in outline
    session.press("ArrowRight")
    for _ in range(3):
        session.press("j")
    assert session.ask("getComputedStyle(document.getElementById('text')).direction") == "rtl"


def test_labels_of_a_taxonomy_of_ones_own_have_keys_beyond_the_ninth(page, tmp_path):
    meanings = {f"class {n}": f"meaning {n}" for n in range(12)} | {"other": "the rest"}
    session = page(taxonomy=Taxonomy(meanings, negative="other", left_out=("skip",)))
    assert session.ask("document.querySelectorAll('.hint').length") == 0
    session.press("w", shift=True)
    session.press("q")
    session.press("0")
    session.press("t")
    labels = [(one.label, one.labels) for one in saved(session, tmp_path)[1]]
    assert labels == [("class 9", ("class 9", "class 10")), ("other", ()), ("skip", ())]


def test_two_thousand_long_units_answer_a_key_at_once(page):
    many = [replace(unit, text=f"{number} " + "long text " * 200) for number, unit in enumerate(units(2000))]
    session = page(many)
    took = session.ask(
        """(() => {
          const began = performance.now();
          for (let n = 0; n < 200; n++) {
            const stroke = new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true });
            document.activeElement.dispatchEvent(stroke);
            document.body.offsetHeight;
          }
          return (performance.now() - began) / 200;
        })()"""
    )
    assert session.ask(COUNTS).startswith("200 of 2,000")
    assert took < 100  # milliseconds a key, on a busy machine


def test_help_names_every_key_that_does_something():
    script = (PROJECT / "src" / "sitrep" / "labelling" / "templates" / "labelling.js").read_text(encoding="utf-8")
    commands = script.partition("const commands = {")[2].partition("};")[0]
    page = (PROJECT / "src" / "sitrep" / "labelling" / "templates" / "labelling.html.j2").read_text(encoding="utf-8")
    for key in ("u", "?", "c", "k", "j", "s", "o", "g", "h"):
        assert f"<kbd>{key}</kbd>" in page
        assert f"{key}:" in commands or f'"{key}":' in commands
