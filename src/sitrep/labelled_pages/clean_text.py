"""A page without its boilerplate, as text or as Markdown."""

import re

from sitrep.errors import UserError
from sitrep.labelled_pages.assembly import LabelledPage, block_tag
from sitrep.labels import Taxonomy
from sitrep.sentences import MAIN_TEXT, Prediction

BOILERPLATE = "boilerplate"

MAIN_TEXT_FROM = 0.5
"""Probability of main text from which a sentence stays."""
DOUBTFUL_FROM = 0.1
"""And from which it stays if the model is sure that it is no boilerplate: where a page's layout misleads, its article
must not be lost. On the pages that the layout was learnt from that costs 0.008 of word F1 and gains 0.004 of recall."""
SURELY_NONE = 0.1
"""Probability of boilerplate under which the model is sure."""

SIGNS = re.compile(r"([\\`*_\[\]<>#|~]|&(?=#?\w+;))")
"""What Markdown reads as something else than text, wherever it stands."""

LINE_STARTS = re.compile(r"^(\s*)(?:([-+=])|(\d{1,9})([.)]))", re.MULTILINE)
"""What it reads as a list or a heading at the beginning of a line."""


def left_out_labels(taxonomy: Taxonomy) -> frozenset[str]:
    """The labels whose sentences a clean page leaves out: ``boilerplate``, else the taxonomy's exclusive classes.

    Raises:
        UserError: If it has neither.
    """
    if BOILERPLATE in taxonomy.meanings:
        return frozenset({BOILERPLATE})
    if taxonomy.exclusive:
        return frozenset(taxonomy.exclusive)
    labels = ", ".join(taxonomy.labels)
    raise UserError(
        f"clean=true: the checkpoint knows no {BOILERPLATE} and no exclusive class; its labels are {labels}"
    )


def clean_text(page: LabelledPage, left_out: frozenset[str]) -> str:
    """The sentences that stay, with what stood between them; empty where none does.

    Args:
        page: The page.
        left_out: Labels of sentences that go; of pages of HTML those go that are no main text, headline apart.
    """
    text = ""
    before = ""
    breaks = gone = 0
    for piece in page.pieces:
        # Where a sentence went, the widest gap on either side stays: two paragraphs do not become one.
        gap = piece.before if not gone else before if breaks >= piece.breaks else piece.before
        if _goes(piece.prediction, left_out):
            before, breaks, gone = gap, max(breaks if gone else 0, piece.breaks), gone + 1
            continue
        text += (gap if text else "") + piece.prediction.passage.text
        gone = 0
    return f"{text}\n" if text else ""


def clean_markdown(page: LabelledPage, left_out: frozenset[str]) -> str:
    """The same as Markdown: headings, lists, quotations and preformatted text where the page's blocks are known."""
    blocks: list[tuple[str | None, str]] = []
    parted = True
    for piece in page.pieces:
        if _goes(piece.prediction, left_out):
            parted |= piece.breaks > 0
            continue
        tag = block_tag(piece.prediction)
        text = piece.prediction.passage.text
        if blocks and piece.breaks < 2 and not parted and blocks[-1][0] == tag:
            blocks[-1] = (tag, blocks[-1][1] + (piece.before or " ") + text)
        else:
            blocks.append((tag, text))
        parted = False
    written = ""
    for (tag, text), (last, _) in zip(blocks, [(None, ""), *blocks], strict=False):
        gap = "\n" if tag == last == "li" else "\n\n"
        written += (gap if written else "") + _block(tag, text)
    return f"{written}\n" if written else ""


def _goes(prediction: Prediction, left_out: frozenset[str]) -> bool:
    main_text = prediction.passage.fields.get(MAIN_TEXT)
    if main_text is None or block_tag(prediction) == "h1":  # sets with truth count few headlines as main text
        return prediction.label in left_out
    surely_none = prediction.probabilities[BOILERPLATE] < SURELY_NONE
    return bool(main_text < (DOUBTFUL_FROM if surely_none else MAIN_TEXT_FROM))


def _block(tag: str | None, text: str) -> str:
    if tag == "pre":
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence}\n{text}\n{fence}"
    plain = LINE_STARTS.sub(_guarded, SIGNS.sub(r"\\\1", text))
    if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
        return "#" * int(tag[1]) + " " + " ".join(plain.split())
    if tag == "li":
        return "- " + " ".join(plain.split())
    if tag == "blockquote":
        return "\n".join(f"> {line}" for line in plain.splitlines())
    # Two blanks at the end of a line keep its break.
    return re.sub(r"[^\S\n]*\r?\n[^\S\n]*", "  \n", plain)


def _guarded(found: re.Match[str]) -> str:
    lead, sign, number, behind = found.groups()
    return f"{lead}\\{sign}" if sign else f"{lead}{number}\\{behind}"
