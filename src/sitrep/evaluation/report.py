"""Rendering of results as one HTML file and as Markdown. Nothing is computed here but the way figures are written."""

from typing import Any

import numpy as np
import yaml

from sitrep.evaluation.curves import precision_recall_svg, reliability_svg, risk_coverage_svg
from sitrep.evaluation.figures import confusion_svg
from sitrep.evaluation.results import Results
from sitrep.pages import render_page, render_text

PACKAGE = "sitrep.evaluation"
ERRORS_SHOWN = 1000


def render(results: Results, settings: dict[str, Any]) -> str:
    """One self-contained page: styles, pictures and one small script inside, no network.

    Args:
        results: What to show.
        settings: Of the run, as plain values.
    """
    return render_page(
        PACKAGE,
        "report.html.j2",
        results=results,
        pictures=_pictures(results),
        errors_shown=ERRORS_SHOWN,
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )


def render_markdown(results: Results, settings: dict[str, Any]) -> str:
    """The same content without pictures, the errors by number only; arguments as in :func:`render`."""
    return render_text(
        PACKAGE,
        "report.md.j2",
        results=results,
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).strip(),
    )


def _pictures(results: Results) -> dict[str, str]:
    analysis = results.analysis
    pictures = {"confusion": confusion_svg(results.scores.confusion, results.labels)}
    pictures["reliability"] = reliability_svg(analysis.calibration) if analysis.calibration else ""
    pictures["risk_coverage"] = risk_coverage_svg(analysis.risk_coverage) if analysis.risk_coverage else ""
    pictures["precision_recall"] = ""
    if results.label_sets is None:
        rows = [[prediction.probabilities[label] for label in results.labels] for prediction in results.predictions]
        true = np.array([results.labels.index(sentence.label) for sentence in results.sentences])
        pictures["precision_recall"] = precision_recall_svg(true, np.array(rows), results.labels)
    return pictures
