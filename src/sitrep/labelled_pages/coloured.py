"""A page as HTML, its sentences coloured by label: one file that needs no network and runs nothing from the page."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sitrep.labelled_pages.assembly import BLANK_LINES, LabelledPage, Piece, block_tag
from sitrep.labelled_pages.colours import LabelCounts, Look
from sitrep.labelled_pages.frame import escaped, frame, template
from sitrep.sentences import Prediction
from sitrep.speakers import NOBODY

STYLE, SCRIPT = "style.css", "coloured.js"
"""Of the coloured page, wherever it is shown; the script also works on sections that come later."""

FOREIGN = frozenset(("other_script", "not_english"))
"""Kinds of oddity with which a text is in no language that is known, so that it is not read out as English."""

HEADING = re.compile("h[1-6]").fullmatch


def count(page: LabelledPage) -> LabelCounts:
    """Figures of a page."""
    counts = LabelCounts(len(page.pieces))
    for prediction in page.predictions:
        counts.labels.update(labels_of(prediction))
        counts.review += prediction.decision == "review"
        counts.decided |= prediction.decision is not None
    return counts


def labels_of(prediction: Prediction) -> tuple[str, ...]:
    """The label that a sentence is filed under, then the other classes that apply."""
    return tuple(dict.fromkeys((prediction.label, *(prediction.labels or ()))))


def render_section(page: LabelledPage, looks: Mapping[str, Look]) -> str:
    """A page's heading and text, as part of a coloured file."""
    made = template("section.html.j2")
    paragraphs = list(_paragraphs(page, looks))
    return made.render(page=page, counts=count(page), paragraphs=paragraphs)


def render_coloured(
    title: str, sections: Iterable[str], counts: LabelCounts, looks: Mapping[str, Look], index: str | None = None
) -> Iterator[str]:
    """A whole file, piece by piece.

    Args:
        title: Of the file.
        sections: Its pages, as :func:`render_section` made them.
        counts: Of all of them.
        looks: Of each label.
        index: Address of the index of the folder that the file lies in.
    """
    made = template("coloured.html.j2")
    content = {"title": title, "counts": counts, "looks": list(looks.values()), "index": index, "keys": None}
    return made.generate(sections=map(Markup, sections), **frame([STYLE], [SCRIPT]), **content)


def render_index(
    rows: Sequence[tuple[str, str, str, LabelCounts]], total: LabelCounts, looks: Mapping[str, Look]
) -> Iterator[str]:
    """The index of a folder of coloured pages, piece by piece.

    Args:
        rows: Heading, name, address and figures of each page.
        total: Figures of all together.
        looks: Of each label.
    """
    made = template("page_index.html.j2")
    return made.generate(rows=rows, total=total, looks=list(looks.values()), **frame([STYLE], ["page_index.js"]))


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a coloured page.

    Attributes:
        tag: Of the block that its first sentence stood in; empty where that is not known.
        content: Its text as HTML; line breaks and blanks in it stay as they are.
    """

    tag: str
    content: Markup

    @property
    def level(self) -> int | None:
        """Of a heading of the page among those of the file, whose first two are the file's own."""
        return min(6, int(self.tag[1]) + 2) if HEADING(self.tag) else None


def _paragraphs(page: LabelledPage, looks: Mapping[str, Look]) -> Iterator[Paragraph]:
    """The text of a page, with what is no sentence as plain text."""
    tag, parts = "", list[Markup]()
    for piece in page.pieces:
        *stretches, before = BLANK_LINES.split(piece.before)
        for stretch in stretches:
            parts.append(escaped(stretch))
            yield from _paragraph(tag, parts)
            tag, parts = "", []
        tag = tag or block_tag(piece.prediction) or ""
        parts += escaped(before), _sentence(piece, looks)
    parts.append(escaped(page.after))
    yield from _paragraph(tag, parts)


def _paragraph(tag: str, parts: list[Markup]) -> Iterator[Paragraph]:
    content = Markup("").join(parts)
    if content.strip():
        yield Paragraph(tag, content)


def _sentence(piece: Piece, looks: Mapping[str, Look]) -> Markup:
    """One sentence with all that is said of it; the script shows the same figures as the title does."""
    prediction = piece.prediction
    labels = labels_of(prediction)
    shown = [looks[label] for label in labels]
    places = " ".join(str(list(looks).index(label)) for label in labels)
    letters = "".join(look.letter for look in shown)
    review = prediction.decision == "review"
    notes = ["too long for the model, its end was not read"] if prediction.truncated else []
    notes += [f"unfamiliar: {prediction.unfamiliar}"] if prediction.unfamiliar else []
    speaker = "" if prediction.speaker in (None, NOBODY) else f"{prediction.speaker}, {prediction.speech}"
    notes += [f"speaks: {speaker}"] if speaker else []
    figures = [f"{prediction.probability_of(label):.3f}" for label in looks]
    said = " ".join(f"{label} {value}" for label, value in zip(looks, figures, strict=True))
    spoken = ", ".join(f"{label} {prediction.probability_of(label):.2f}" for label in labels)
    spoken = "" if not letters and not review else f"{spoken}, to review" if review else spoken
    return Markup(
        '<span class="s {style}{review}" data-l="{places}" data-k="{letters}" data-p="{figures}"{notes} '
        'title="{title}">{spoken}<u{language}{speaker}>{text}</u></span>'
    ).format(
        style=shown[0].style,
        review=" r" if review else "",
        places=places,
        letters=letters,
        figures=" ".join(figures),
        notes=Markup(' data-n="{}"').format("; ".join(notes)) if notes else "",
        title=" · ".join([said, *notes, *(["to review"] if review else [])]),
        spoken=Markup('<span class="h" dir="ltr">{}: </span>').format(spoken) if spoken else "",
        speaker=Markup(' data-w="{}"').format(speaker) if speaker else "",
        language=Markup(' lang=""') if prediction.unfamiliar in FOREIGN else "",
        text=escaped(prediction.passage.text),
    )
