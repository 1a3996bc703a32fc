"""Rendering of results as one HTML file. Nothing is computed here but the way figures are written."""

from typing import Any

import yaml

from sitrep.evaluation.figures import confusion_svg
from sitrep.evaluation.results import Results
from sitrep.pages import render_page


def render(results: Results, settings: dict[str, Any]) -> str:
    """One self-contained page: styles, pictures and one small script inside, no network.

    Args:
        results: What to show.
        settings: Of the run, as plain values.
    """
    return render_page(
        "sitrep.evaluation",
        "report.html.j2",
        results=results,
        confusion=confusion_svg(results.scores.confusion, results.labels),
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )
