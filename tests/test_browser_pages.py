"""Coloured pages and their index in a real browser, on a telephone and on a wide screen."""

import re

import pytest
from browser import NEEDS_BROWSER, WIDTHS_PIXELS, examine
from conftest import TAXONOMY
from test_labelled_pages import HOSTILE

from sitrep.inference.outputs import open_output
from sitrep.pages.passages import article_passages
from sitrep.sentences import Prediction

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]

LABELS = TAXONOMY.labels
LINES = [f"Sentence number {n} of the page." for n in range(40)]
RTL = "قال متحدث باسم الوزارة إن الجسر أصيب."
TEXT = "\n\n".join([*LINES, HOSTILE, "x" * 3000, RTL])
EVERY = pytest.mark.parametrize("width", WIDTHS_PIXELS)


def said(passages):
    for number, passage in enumerate(passages):
        label = LABELS[number % 5]
        rest = {name: 0.02 for name in LABELS}
        yield Prediction(passage, label, {**rest, label: 0.92}, decision="review" if number % 3 == 0 else "accept")


def write(output, pages):
    with open_output(str(output), False, TAXONOMY) as take:
        for name, text in pages:
            for prediction in said(article_passages(text, name)):
                take(prediction)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("coloured") / "page.html"
    write(path, [("page", TEXT)])
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coloured") / "pages.html"
    names = ["page 2", "page 10", "page 1", HOSTILE, "y" * 300]
    write(f"{folder}/", [(name, "\n\n".join(LINES[: 3 * n + 1])) for n, name in enumerate(names)])
    return (folder / "index.html").read_text(encoding="utf-8")


LAYOUT = """(page, document) => ({
  scrolled: document.documentElement.scrollWidth,
  unnamed: [...document.querySelectorAll("input, select")].filter(field => !field.labels.length).length,
  dead: [...document.querySelectorAll("[hidden]")].length,
  shown: [...document.querySelectorAll("main .s u")].map(text => text.textContent),
  right: [...document.querySelectorAll("main p")].filter(p => page.getComputedStyle(p).direction === "rtl").length,
  looks: [...new Set([...document.querySelectorAll("main .s")].map(s => {
    const style = page.getComputedStyle(s), text = page.getComputedStyle(s.querySelector("u"));
    const letter = page.getComputedStyle(s, "::before").content;
    return [style.backgroundColor, text.textDecorationLine + " " + text.textDecorationStyle, letter].join(", ");
  }))],
})"""

FILTERS = """(page, document) => {
  const form = document.querySelector("form.legend");
  const set = (name, value, on) => {
    const box = [...form.querySelectorAll(`input[name=${name}]`)].find(box => value === null || box.value === value);
    box.checked = on;
    box.dispatchEvent(new page.Event("input", { bubbles: true }));
  };
  const all = [...document.querySelectorAll("main .s")];
  const state = () => ({
    fitting: all.filter(s => !s.classList.contains("off")).length,
    visible: all.filter(s => s.offsetHeight > 0).length,
    said: form.querySelector("[role=status]").textContent,
  });
  const found = { all: state() };
  set("label", "3", false); found.without = state();
  const plain = page.getComputedStyle(all.find(s => s.classList.contains("off")));
  found.faded = [plain.backgroundColor, plain.display];
  set("review", null, true); found.review = state();
  set("hide", null, true); found.hidden = state();
  found.gaps = [...document.querySelectorAll("main .text p")].filter(p => p.offsetHeight > 0).length;
  for (const place of "0124") set("label", place, false);
  found.none = state();
  return found;
}"""

KEYBOARD = """(page, document) => {
  const all = [...document.querySelectorAll("main .s")];
  const detail = document.getElementById("detail");
  const press = key => document.activeElement.dispatchEvent(
    new page.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const at = () => ({ place: all.indexOf(document.activeElement), stops: all.filter(s => s.tabIndex === 0).length });
  const read = () => [...detail.querySelectorAll("tr")].map(row => row.textContent);
  const found = { stops: all.filter(s => s.tabIndex === 0).map(s => all.indexOf(s)) };
  all[0].focus(); found.first = at(); found.figures = read(); found.said = detail.querySelector("p").textContent;
  const described = document.getElementById(document.activeElement.getAttribute("aria-describedby"));
  found.described = [described.hasAttribute("aria-label"), described.textContent];
  found.meters = [...detail.querySelectorAll("meter")].map(meter => meter.value);
  press("ArrowRight"); found.next = at();
  press("End"); found.last = at();
  press("ArrowRight"); found.stays = at();
  press("Home"); found.home = at();
  for (let n = 0; n < 30; n++) press("ArrowRight");
  const frame = detail.getBoundingClientRect(), sentence = document.activeElement.getBoundingClientRect();
  found.covered = frame.top < sentence.bottom && frame.bottom > sentence.top && frame.left < sentence.right;
  found.inside = sentence.top >= 0 && sentence.bottom <= page.innerHeight;
  press("Home");
  const box = document.querySelector("form.legend input[name=label][value='1']");
  box.checked = false; box.dispatchEvent(new page.Event("input", { bubbles: true }));
  press("ArrowDown"); found.over = at();
  const own = document.querySelector("form.legend input[name=label][value='2']");
  own.checked = false; own.dispatchEvent(new page.Event("input", { bubbles: true }));
  found.stale = detail.textContent;
  own.checked = true; own.dispatchEvent(new page.Event("input", { bubbles: true }));
  press("Escape"); found.closed = detail.offsetHeight;
  all[34].dispatchEvent(new page.PointerEvent("pointerover", { bubbles: true }));
  found.pointed = detail.querySelector("p").textContent;
  found.titles = [all[34].hasAttribute("title"), all[35].hasAttribute("title")];
  return found;
}"""

INDEX = """(page, document) => {
  const headers = [...document.querySelectorAll("thead th")];
  const rows = () => [...document.querySelectorAll("tbody tr")].filter(row => row.offsetHeight > 0);
  const column = place => rows().map(row => row.cells[place].textContent);
  const press = place => { headers[place].querySelector("button").click(); return column(place); };
  const words = document.querySelector("input[name=words]");
  const search = value => { words.value = value; words.dispatchEvent(new page.Event("input", { bubbles: true })); };
  const found = { scrolled: document.documentElement.scrollWidth, first: column(0) };
  found.names = press(0); found.sentences = press(1); found.rising = press(1);
  found.sorted = headers.map(header => header.getAttribute("aria-sort"));
  search("PAGE 1"); found.found = column(0).sort(); found.said = document.querySelector("[role=status]").textContent;
  return found;
}"""


@EVERY
def test_coloured_page_fits_the_screen_and_shows_each_sentence_as_it_is(tmp_path, page, width):
    found = examine(tmp_path, page, width, LAYOUT)
    assert found["faults"] == []
    assert found["width"] == width
    assert found["scrolled"] <= width
    assert found["unnamed"] == found["dead"] == 0
    assert found["shown"] == [passage.text for passage in article_passages(TEXT, "page")]
    assert found["right"] == 1
    backgrounds, lines, letters = zip(*(look.rsplit(", ", 2) for look in found["looks"]), strict=True)
    assert len(set(backgrounds)) == len(set(letters)) == 5
    assert lines == ("underline solid", "underline dashed", "underline double", "none solid", "none solid")


@EVERY
def test_sentences_are_filtered_by_class_and_by_review(tmp_path, page, width):
    found = examine(tmp_path, page, width, FILTERS)
    assert found["faults"] == []
    passages = list(said(article_passages(TEXT, "page")))
    total = len(passages)
    without = sum(p.label != "boilerplate" for p in passages)
    review = sum(p.label != "boilerplate" and p.decision == "review" for p in passages)
    assert found["all"] == {"fitting": total, "visible": total, "said": f"{total} of {total} sentences match"}
    assert (found["without"]["fitting"], found["without"]["visible"]) == (without, total)
    assert found["faded"] == ["rgba(0, 0, 0, 0)", "inline"]
    assert (found["review"]["fitting"], found["review"]["visible"]) == (review, total)
    assert found["hidden"] == {"fitting": review, "visible": review, "said": f"{review} of {total} sentences match"}
    assert found["gaps"] <= review
    assert found["none"]["visible"] == 0


@EVERY
def test_keyboard_goes_from_sentence_to_sentence_and_shows_their_probabilities(tmp_path, page, width):
    found = examine(tmp_path, page, width, KEYBOARD)
    assert found["faults"] == []
    last = len(list(article_passages(TEXT, "page"))) - 1
    assert found["stops"] == [0]
    assert found["figures"] == [f"{label}{0.92 if label == LABELS[0] else 0.02:.3f}" for label in LABELS]
    assert found["meters"] == [0.92, 0.02, 0.02, 0.02, 0.02]
    assert found["said"] == "attack_description, to review"
    # A screen reader takes the label of what describes a sentence, if it has one, and not the figures in it.
    assert found["described"] == [False, found["said"] + "".join(found["figures"])]
    places = [found[step]["place"] for step in ("first", "next", "last", "stays", "home", "over")]
    assert places == [0, 1, last, last, 0, 2]
    assert {found[step]["stops"] for step in ("first", "next", "last", "home", "over")} == {1}
    assert (found["covered"], found["inside"]) == (False, True)  # the figures do not lie over their sentence
    assert found["stale"] == ""
    assert found["closed"] == 0
    assert found["pointed"] == "none"
    assert found["titles"] == [False, True]


@EVERY
def test_index_fits_the_screen_and_is_sorted_and_searched(tmp_path, index, width):
    found = examine(tmp_path, index, width, INDEX)
    assert found["faults"] == []
    assert found["scrolled"] <= width
    assert found["first"] == ["page 2", "page 10", "page 1", HOSTILE, "y" * 300]
    assert [name for name in found["names"] if name.startswith("page")] == ["page 1", "page 2", "page 10"]
    assert found["sentences"] == ["13", "10", "7", "4", "1"]
    assert found["rising"] == ["1", "4", "7", "10", "13"]
    assert found["sorted"] == [None, "ascending", *[None] * 6]
    assert found["found"] == ["page 1", "page 10"]
    assert found["said"] == "2 of 5 pages"


def test_policy_stops_what_a_page_would_run_if_it_got_in(tmp_path, page):
    smuggled = page.replace(
        "<main>", '<main><script>window.ran = 1</script><img src="data:," onerror="window.ran = 2">'
        '<b style="color:red">x</b><a id="x" href="javascript:window.ran=3">y</a>',
    )  # fmt: skip
    probe = '(page, document) => { document.getElementById("x").click(); return { ran: page.ran ?? 0 }; }'
    found = examine(tmp_path, smuggled, 390, probe)
    assert found["ran"] == 0
    assert {"script-src-elem", "img-src", "style-src-attr"} <= set(found["faults"])


def test_without_scripts_all_is_coloured_and_no_dead_control_stands_there(tmp_path, page):
    probe = """(page, document) => ({
      shown: [...document.querySelectorAll("main .s")].filter(s => s.offsetHeight > 0 && s.title).length,
      dead: [...document.querySelectorAll("input, button, aside")].filter(x => x.offsetHeight > 0).length,
    })"""
    found = examine(tmp_path, page, 390, probe, script=False)
    assert (found["shown"], found["dead"]) == (len(list(article_passages(TEXT, "page"))), 0)


def test_page_of_ten_thousand_sentences_stays_small_and_quick(tmp_path):
    text = "\n\n".join(
        " ".join(f"The shells of day {n} hit bridge {m} of the town." for m in range(5)) for n in range(2000)
    )
    path = tmp_path / "big.html"
    write(path, [("big", text)])
    assert path.stat().st_size < 6_000_000
    probe = """(page, document) => {
      const began = page.performance.now();
      const box = document.querySelector("form.legend input[name=label]");
      box.checked = false;
      box.dispatchEvent(new page.Event("input", { bubbles: true }));
      document.body.offsetHeight;
      return {
        filtered: page.performance.now() - began,
        sentences: document.querySelectorAll("main .s").length,
        elements: document.querySelectorAll("*").length,
        laid_out: page.getComputedStyle(document.querySelector(".text p")).contentVisibility,
      };
    }"""
    found = examine(tmp_path, path.read_text(encoding="utf-8"), 1400, probe)
    assert found["sentences"] == 10_000
    assert found["elements"] < 3.5 * 10_000
    assert found["laid_out"] == "auto"  # what lies below the screen waits until it is scrolled to
    assert found["filtered"] < 5000  # milliseconds, on a busy machine


def test_print_is_light_shows_all_and_no_control(page):
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "@media screen and (prefers-color-scheme: dark)" in style  # so that paper stays white
    printed = style[style.index("@media print") :]
    assert re.search(r"\.scripted, \.legend input, #detail, nav \{ display: none", printed)
    assert "print-color-adjust: exact" in style
    assert ".scroll { overflow: visible; }" in printed  # the table of an index is whole on paper
