"""A page on which a coder labels units by the keyboard: one file that opens from the disk, and what it saves."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError
from sitrep.labelled_pages.coloured import STYLE
from sitrep.labelled_pages.colours import PLAIN, Look, looks_of
from sitrep.labelled_pages.frame import frame, template
from sitrep.labelling.codebook_hints import hints_of
from sitrep.labelling.exchange import Answer, Assignment
from sitrep.labels import Taxonomy
from sitrep.storage.complete import shown
from sitrep.storage.tables import TableRow, read_rows

OWN = "sitrep.labelling"
KEYS = "123456789qwertyiadfzxvbnm"
"""Give a label each: the digits, then the letters that no command of the page has."""

UNSAFE = re.compile("[<>&\u007f-\u009f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What ends a script, or what a file of HTML in UTF-8 does not hold as it is."""


@dataclass(frozen=True)
class LabelChoice:
    """A label as the page offers it.

    Attributes:
        look: Its name, meaning and colours.
        key: That gives it; empty from the 26th on, which take the pointer or the Tab key.
        hints: Of the codebook.
    """

    look: Look
    key: str
    hints: tuple[str, ...]


def render_labelling_page(units: Sequence[SampledUnit], assignment: Assignment) -> str:
    """The page, complete in one file.

    Args:
        units: In the order in which they are shown.
        assignment: Where it names no coder, the page asks for the name. What the model says stands nowhere in the page
            unless it is to be shown.
    """
    taxonomy = assignment.taxonomy
    looks, hints = looks_of(taxonomy), hints_of(taxonomy)
    choices = [
        LabelChoice(looks.get(label, Look(label, "", PLAIN, "")), KEYS[place : place + 1], tuple(hints.get(label, ())))
        for place, label in enumerate(taxonomy.known)
    ]
    content = {
        "sample": sample_hash(units, taxonomy),
        "coder": assignment.coder or "",
        "alone": [label for label in taxonomy.known if label not in taxonomy.classes],
        "exclusive": list(taxonomy.exclusive),
        "labels": list(taxonomy.known),
        "keys": [choice.key for choice in choices],
        "units": [_as_json(unit, assignment.show_guess) for unit in units],
    }
    return template("labelling.html.j2", OWN).render(
        number=len(units),
        choices=choices,
        hinted=bool(hints),
        order=[label for label in taxonomy.precedence if label not in taxonomy.exclusive],
        data=embedded(content),
        **frame([STYLE, "labelling.css"], ["labelling.js"], OWN),
    )


def write_page(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write the page of :func:`render_labelling_page`."""
    path.write_text(render_labelling_page(units, assignment), encoding="utf-8", newline="\n")


def read_page_labels(path: Path) -> Iterator[Answer]:
    """Read what the page saved.

    Raises:
        UserError: If it is the page itself, or holds rows that no page saves.
    """
    if path.suffix.lower() in (".html", ".htm"):
        raise UserError(f"{shown(path)}: is the page itself; name the file that it saves with the key s")
    for row in read_rows(path):
        yield _answer_of(row)


def _answer_of(row: TableRow) -> Answer:
    fields = row.fields
    names, labels = ("id", "text_hash", "coder"), fields.get("labels")
    missing = [name for name in names if not isinstance(fields.get(name), str)]
    if missing or not isinstance(labels, list) or not isinstance(fields.get("label"), str | None):
        raise UserError(f"{row.place}: no {(*missing, 'labels')[0]}; expected a row that the page saved")
    return Answer(
        place=row.place,
        id=fields["id"],
        text_hash=fields["text_hash"],
        label=fields.get("label"),
        labels=tuple(map(str, labels)),
        annotator=fields["coder"],
        unsure=fields.get("unsure") is True,
        comment=str(fields.get("comment") or ""),
    )


def sample_hash(units: Iterable[SampledUnit], taxonomy: Taxonomy) -> str:
    """Says which units and labels a page is about, in whatever order: what was done of it is kept under this name."""
    known = [[unit.id, unit.text_hash] for unit in units]
    content = json.dumps([sorted(known), taxonomy.known])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def embedded(content: Any) -> Markup:
    """JSON that stands in a page and comes out of it as it was, whatever texts it holds."""
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Markup(UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line))


def _as_json(unit: SampledUnit, show_guess: bool) -> dict[str, Any]:
    shown_of_page = {"before": list(unit.before), "after": list(unit.after), "page": unit.article_id}
    guess = {"guess": unit.guess} if show_guess and unit.guess is not None else {}
    return {"id": unit.id, "hash": unit.text_hash, "text": unit.text, **shown_of_page, **guess}
