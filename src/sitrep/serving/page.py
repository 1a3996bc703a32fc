"""The page for people: pages go in by pasting or as files, and come back coloured, to be corrected."""

from markupsafe import Markup

from sitrep.labelled_pages.coloured import SCRIPT, STYLE
from sitrep.labelled_pages.colours import LabelCounts, looks_of
from sitrep.labelled_pages.frame import frame, template
from sitrep.labels import Task, Taxonomy
from sitrep.model.checkpoint import Checkpoint

OWN = "sitrep.serving"
SCRIPTS = (SCRIPT, "requests.js", "corrections.js", "served.js")
ALLOWED = ("connect-src 'self'", "img-src data:")
"""What the page does beside showing itself: it asks its own server; its icon is none, so that no other is asked for."""

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Of the answer that holds the page; the policy of what it may run stands in the page, beside what it runs."""


def render_page(taxonomy: Taxonomy, several: bool, decided: bool) -> str:
    """The page, complete in one file.

    Args:
        taxonomy: Of the checkpoint that answers.
        several: Whether several classes may apply to a sentence.
        decided: Whether the checkpoint says which sentences an analyst is to read.
    """
    looks = looks_of(taxonomy)
    place = {label: number for number, label in enumerate(looks)}
    filing = Markup(' data-filing="{}" data-exclusive="{}" data-negative="{}"').format(
        *(" ".join(str(place[label]) for label in labels) for labels in (taxonomy.filing_order, taxonomy.exclusive)),
        "" if taxonomy.negative is None else place[taxonomy.negative],
    )
    return template("served.html.j2", OWN).render(
        looks=list(looks.values()),
        counts=LabelCounts(decided=decided),
        keys=keys_of(taxonomy),
        several=several,
        filing=filing + (Markup(" data-several") if several else ""),
        **frame([STYLE, "served.css"], SCRIPTS, OWN, ALLOWED),
    )


def page_for(checkpoint: Checkpoint, calibrated: bool) -> str:
    """The page of a server that answers with a checkpoint, by what was fitted on validation or not."""
    fit = checkpoint.validation if calibrated else None
    decided = fit is not None and bool(fit.acceptance_thresholds)
    return render_page(checkpoint.taxonomy, checkpoint.task is Task.multi_label, decided)


def keys_of(taxonomy: Taxonomy) -> dict[str, str]:
    """The digit that gives each label to a sentence: 1 to 9 in the order of the classes, and 0 for the negative one.

    From the tenth class on there is none; the letter that stands before its sentences does the same.
    """
    digits = dict.fromkeys(taxonomy.labels, "") | dict(zip(taxonomy.classes, "123456789", strict=False))
    return digits if taxonomy.negative is None else digits | {taxonomy.negative: "0"}
