"""The page for people in a real browser: labelled, corrected and downloaded as a person does it."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from html import escape

import pytest
from browser import NEEDS_BROWSER, WIDTHS_PIXELS
from browser_session import browsing
from conftest import PROJECT, TAXONOMY, rows, train_settings, write_jsonl
from page_server import serving
from test_labelled_pages import HOSTILE

from sitrep.data.columns import Columns
from sitrep.data.reading import read_labelled
from sitrep.labels import Taxonomy
from sitrep.serving.page import keys_of, render_page
from sitrep.training.run import train

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels
TEXT = (
    "Shells hit the bridge. The ministry denied it.\r\nFour were killed.\n\nShare this page.\nPrices rose. A mast fell."
)
LABELS = [ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE, ATTACK]
SHOWN = "[...document.querySelectorAll('main .s')].map(s => s.querySelector('u').textContent)"
SAID = "document.getElementById('progress').textContent"
WRONG = "[...document.querySelectorAll('#problems li')].map(x => x.textContent)"
MARKS = "[...document.querySelectorAll('main .s')].map(s => [s.dataset.l, s.className].join(' '))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as session:
        yield session


@pytest.fixture
def rules():
    with serving() as (address, behaviour):
        behaviour.address = address
        yield behaviour


@pytest.fixture
def page(browser, rules):
    """The page as it is opened, on a wide screen; no fault comes up in it, and nothing but its server is asked."""
    browser.events.clear()
    browser.open(rules.address)
    yield browser
    assert browser.faults() == []
    assert {
        address for address in browser.addresses() if not address.startswith((rules.address, "blob:", "data:"))
    } == set()


def paste(page, text):
    number = page.ask("document.querySelectorAll('main section').length")
    page.ask("(() => { const area = document.getElementById('pasted'); area.value = ''; area.focus(); })()")
    page.type(text)
    page.press("Enter", control=True)
    page.until(f"document.querySelectorAll('main section').length > {number}")
    page.until(f"/^\\d+ sentences?/.test({SAID})")


def go_to(page, place):
    page.ask(f"document.querySelectorAll('main .s')[{place}].click()")


def test_pasted_text_comes_back_coloured_with_figures_and_review_marks(page):
    page.until("document.getElementById('checkpoint').textContent === 'Answered by tiny (00000000).'")
    paste(page, TEXT)
    sentences = [
        "Shells hit the bridge.",
        "The ministry denied it.",
        "Four were killed.",
        "Share this page.",
        "Prices rose.",
    ]
    assert page.ask(SHOWN) == [*sentences, "A mast fell."]
    marks = page.ask(MARKS)
    assert [mark.split()[0] for mark in marks] == ["0", "1", "2", "3", "4", "0"]
    assert [" r" in mark for mark in marks] == [True, False, False, True, False, False]
    assert page.ask(SAID) == "6 sentences, 2 to review"
    assert page.ask("document.getElementById('progress').getAttribute('role')") == "status"
    assert page.ask("document.activeElement.tagName") == "H2"
    assert page.ask("[...document.querySelectorAll('.legend b')].map(b => b.textContent)") == [*"2111120"]
    page.press("Tab")  # the tools of the page come first
    go_to(page, 0)
    assert "0.920" in page.ask("document.getElementById('figures').textContent")


def test_what_is_pasted_is_shown_and_never_run(page):
    paste(page, f"{HOSTILE} The end.")
    paste(
        page,
        f"<p>Shells hit. {HOSTILE} <img src=x onerror='window.ran = 1'><script>window.ran = 2</script> The end.</p>",
    )
    assert HOSTILE.split(" <!--")[0] in " ".join(page.ask(SHOWN)).replace("\u00a0", " ")
    assert (
        page.ask("window.ran === undefined && document.querySelectorAll('main script, main img, main a').length") == 0
    )


def test_policy_names_what_runs_by_its_hash_and_allows_no_other():
    page = render_page(TAXONOMY, several=False, decided=True)
    policy = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "connect-src 'self'" in policy
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page


def test_files_are_chosen_several_at_once_and_what_is_neither_text_nor_html_is_named(page, rules, tmp_path):
    (tmp_path / "one.txt").write_bytes(TEXT.encode())
    (tmp_path / "two.html").write_text("<title>Two</title><p>A bomb went off. No one was hurt.</p>")
    (tmp_path / "three.pdf").write_bytes(b"%PDF-")
    (tmp_path / "none.txt").touch()
    page.choose_files("#files", *sorted(tmp_path.iterdir()))
    page.until("document.querySelectorAll('main section').length === 2")
    page.until(f"/^\\d+ sentences?/.test({SAID})")
    assert page.ask(WRONG) == ["none.txt: is empty", "three.pdf: is neither text nor HTML"]
    assert page.ask("[...document.querySelectorAll('main h2')].map(h => h.textContent)") == ["one.txt", "Two"]
    assert rules.types == ["text/plain", "text/html"]
    assert page.ask(SAID) == "8 sentences, 3 to review"


def test_dropped_files_are_labelled(page):
    page.ask("""(() => {
      const data = new DataTransfer();
      data.items.add(new File(["Shells hit the bridge. Four were killed."], "dropped.txt", { type: "text/plain" }));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    })()""")
    page.until("document.querySelectorAll('main section').length === 1")
    assert page.ask("document.querySelector('main h2').textContent") == "dropped.txt"
    assert page.ask("document.querySelectorAll('main .s').length") == 2


def test_sentences_are_filtered_by_class_and_review_also_when_more_pages_come(page):
    paste(page, TEXT)
    page.ask("document.querySelector('input[name=review]').click()")
    paste(page, TEXT)
    fitting = "[...document.querySelectorAll('main .s')].filter(s => !s.classList.contains('off')).length"
    assert page.ask(fitting) == 4
    page.ask("document.querySelector('input[name=label][value=\"0\"]').click()")
    assert page.ask(fitting) == 2
    assert page.ask("document.querySelector('.legend [role=status]').textContent") == "2 of 12 sentences match"


def test_one_key_corrects_and_what_was_corrected_is_training_data(page, tmp_path):
    paste(page, TEXT)
    go_to(page, 0)
    page.press("3")  # by its digit
    page.press("ArrowRight")
    page.press("a")  # by its letter
    page.press("ArrowRight")
    page.press("Enter")  # confirmed
    page.press("ArrowRight")
    page.press("0")  # none of the classes
    page.press("ArrowRight")
    page.press("1")
    page.press("Backspace")  # taken back
    marks = page.ask(MARKS)
    assert [mark.split()[0] for mark in marks] == ["2", "0", "2", "4", "4", "0"]
    assert [" c" in mark for mark in marks] == [True, True, True, True, False, False]
    assert not any(" r" in mark for mark in marks)  # what a person looked at waits for none
    assert page.ask("document.getElementById('given').textContent") == "taken back; 3 corrected, 1 confirmed"
    listed = page.ask("[...document.querySelectorAll('#corrections li')].map(x => x.textContent)")
    assert listed[0] == f"{ATTACK} → {TOLL}: Shells hit the bridge."
    assert listed[2] == f"{TOLL} confirmed: Four were killed."
    assert [*page.ask("[...document.querySelectorAll('.legend b')].map(b => b.textContent)")] == [*"2020204"]
    page.ask("document.getElementById('save').click()")
    path = tmp_path / "corrections.jsonl"
    path.write_bytes(page.downloaded("corrections-*.jsonl"))
    rows = read_labelled(str(path), Columns())
    assert [(row.text, row.label) for row in rows] == [
        ("Shells hit the bridge.", TOLL), ("The ministry denied it.", ATTACK), ("Four were killed.", TOLL),
        ("Share this page.", NONE),
    ]  # fmt: skip
    assert [row.position for row in rows] == [0, 1, 2, 3]
    assert {row.article_id for row in rows} == {rows[0].id.partition(":")[0]}
    assert set(json.loads(path.read_text().splitlines()[0])) == {"text", "label", "article_id", "position", "id"}


def test_a_sentence_is_corrected_without_a_keyboard_too(page):
    paste(page, TEXT)
    page.ask("document.querySelectorAll('main .s')[1].click()")
    buttons = "[...document.querySelectorAll('#detail .choose button')]"
    assert page.ask(f"{buttons}.map(b => b.textContent + b.getAttribute('aria-pressed'))") == [
        f"{label}{str(label == STATEMENT).lower()}" for label in TAXONOMY.labels
    ]
    page.ask(f"{buttons}[0].click()")
    assert page.ask(MARKS)[1].split()[0] == "0"
    assert page.ask("document.activeElement === document.querySelectorAll('main .s')[1]")
    page.ask(f"{buttons}.at(-1).click()")
    assert page.ask(MARKS)[1].split()[0] == "1"


def test_several_classes_are_added_and_taken_away_and_exclusive_ones_stand_alone(page, rules, tmp_path):
    rules.several = True
    page.open(rules.address)
    paste(page, TEXT)
    go_to(page, 0)
    page.press("3")
    go_to(page, 1)
    page.press("4")
    go_to(page, 2)
    page.press("3")
    page.ask("document.getElementById('save').click()")
    path = tmp_path / "corrections.jsonl"
    path.write_bytes(page.downloaded("corrections-*.jsonl"))
    rows = read_labelled(str(path), Columns())
    order = [label for label in TAXONOMY.filing_order if label in (ATTACK, TOLL)]
    assert [(row.label, list(row.labels)) for row in rows] == [
        (order[0], order),
        (BOILERPLATE, [BOILERPLATE]),
        (NONE, []),
    ]


def test_answers_are_downloaded_and_copied_and_pages_removed(page, rules):
    paste(page, TEXT)
    page.call(
        "Browser.grantPermissions", origin=rules.address, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    name = page.ask("document.querySelector('main h2').textContent")
    press = "[...document.querySelectorAll('main section .row button')].find(b => b.ariaLabel === '{}').click()"
    page.ask(press.format("Download JSON"))
    answer = json.loads(page.downloaded(f"{name}.json"))
    assert [row["label"] for row in answer["sentences"]] == LABELS
    assert "coloured" not in answer
    assert all(answer["text"][row["start"] : row["end"]] == row["text"] for row in answer["sentences"])
    page.ask(press.format("Download CSV"))
    assert page.downloaded(f"{name}.csv").decode().splitlines() == [f"{name}:{n}" for n in range(6)]
    page.ask(press.format("Copy JSON"))
    page.until(f"{SAID} === 'JSON copied'")
    page.ask(press.format("Remove"))
    assert page.ask("document.getElementById('results').hidden")
    assert page.ask("document.activeElement.id") == "pasted"


def test_a_full_server_is_asked_again_and_other_errors_are_said_in_words(page, rules):
    rules.full = 1
    paste(page, TEXT)
    rules.failure = (413, "too_large", "the body has 9 MB; this server takes 5 MB", None)
    page.ask("document.getElementById('pasted').focus()")
    page.press("Enter", control=True)
    assert page.until(f"{WRONG}.length && {WRONG}")[0].endswith(": the body has 9 MB; this server takes 5 MB")
    rules.failure = (422, "wrong", "must be text", "text")
    page.press("Enter", control=True)
    page.until(f"{WRONG}.join().endsWith('must be text (text)')")
    assert page.ask("document.getElementById('problems').getAttribute('role')") == "alert"
    page.ask("document.getElementById('pasted').value = ''")
    page.press("Enter", control=True)
    assert page.ask(WRONG) == ["paste the text or HTML of a page first"]


def test_a_token_is_asked_for_and_kept_in_memory_alone(page, rules):
    rules.token = "secret"
    page.open(rules.address)
    for word in ("wrong", "secret"):
        page.until("!document.getElementById('access').hidden")
        assert page.ask("document.activeElement.id") == "token"
        page.type(word)
        page.press("Enter")
        page.ask("document.getElementById('access').hidden || document.querySelector('#access button').click()")
    page.until("document.getElementById('checkpoint').textContent")
    paste(page, TEXT)
    assert page.ask("[localStorage.length, sessionStorage.length, document.cookie, location.search]") == [0, 0, "", ""]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS_PIXELS)
def test_page_fits_the_screen_and_every_field_has_a_name(browser, rules, width, dark, tmp_path):
    browser.events.clear()
    browser.open(rules.address, width, dark)
    paste(browser, f"{TEXT}\n\n{'x' * 3000} {HOSTILE}")
    go_to(browser, 1)
    browser.press("1")
    browser.picture(tmp_path / f"served-{width}-{'dark' if dark else 'light'}.png")
    assert browser.ask("document.getElementById('given').textContent").endswith("1 corrected, 0 confirmed")
    assert browser.ask("document.documentElement.scrollWidth") <= width
    unnamed = """[...document.querySelectorAll('input, select, textarea, button')].filter(field =>
      !(field.labels?.length || field.ariaLabel || field.textContent.trim())).length"""
    assert browser.ask(unnamed) == 0
    assert browser.faults() == []


@contextmanager
def server_of(run_directory, **environment):
    """The server itself, with a model that has learnt the toy corpus."""
    command = [sys.executable, str(PROJECT / "scripts" / "serve.py"), f"checkpoint={run_directory}", "port=0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment)
    try:
        line = next(line for line in process.stderr if line.startswith("ready"))
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        yield f"{line.rpartition(' ')[2].strip()}/"
    finally:
        process.terminate()
        process.wait(60)
        rest.join(60)
        process.stderr.close()


def test_the_server_itself_labels_what_is_pasted_and_what_is_corrected_is_training_data(
    browser, run_directory, tmp_path
):
    sentences = ["Shells hit the bridge in district 3 on day 1.", "Four were killed in district 3 on day 2.", HOSTILE]
    page = f"<title>Town news</title>{''.join(f'<p>{escape(sentence)}</p>' for sentence in sentences)}"
    with server_of(run_directory, SITREP_TOKEN="secret") as address:
        browser.events.clear()
        browser.open(address)
        browser.until("!document.getElementById('access').hidden")
        browser.type("secret")
        browser.ask("document.querySelector('#access button').click()")
        browser.until(
            f"document.getElementById('checkpoint').textContent.startsWith('Answered by {run_directory.name} (')"
        )
        paste(browser, page)
        assert browser.ask("document.querySelector('main h2').textContent") == "Town news"
        assert " ".join(browser.ask(SHOWN)) == " ".join(sentences)
        go_to(browser, 0)
        browser.press("4")
        browser.ask("document.getElementById('save').click()")
        path = tmp_path / "corrections.jsonl"
        path.write_bytes(browser.downloaded("corrections-*.jsonl"))
        name = re.sub(r":0$", "", json.loads(path.read_text())["id"])
        browser.ask("document.querySelector('main .row button[aria-label=\"Download CSV\"]').click()")
        (first, *_) = csv.DictReader(io.StringIO(browser.downloaded("*.csv").decode()))
        assert (first["id"], first["text"], first["title"]) == (f"{name}:0", sentences[0], "Town news")
        (tmp_path / "four.txt").write_text("Four were killed.")
        browser.choose_files("#files", tmp_path / "four.txt")
        browser.until("document.querySelectorAll('main section').length === 2")
        assert browser.ask(WRONG) == []
    browser.ask("document.getElementById('pasted').focus()")
    browser.press("Enter", control=True)
    assert "the server does not answer" in browser.until(f"{WRONG}.length && {WRONG}")[0]
    assert browser.faults() == []
    (row,) = read_labelled(str(path), Columns())
    assert (row.text, row.label, row.article_id, row.position) == (sentences[0], BOILERPLATE, name, 0)
    data = write_jsonl(tmp_path / "data.jsonl", [*rows(), json.loads(path.read_text())])
    train(train_settings(data, tmp_path / "run"))


def test_each_label_has_a_key_of_its_own():
    assert keys_of(TAXONOMY) == dict(zip(TAXONOMY.labels, "12340", strict=True))
    many = Taxonomy({f"class {n}": "" for n in range(12)})
    assert list(keys_of(many).values()) == [*"123456789", "", "", ""]
    assert "0" not in keys_of(replace(TAXONOMY, negative=None, precedence=())).values()
