"""Rendering of results as one HTML file. Nothing is computed here but the way figures are written."""

from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from sitrep.evaluation.figures import confusion_svg
from sitrep.evaluation.results import Results


def render(results: Results, settings: dict[str, Any]) -> str:
    """One self-contained page: styles and pictures inside, no script, no network.

    Args:
        results: What to show.
        settings: Of the run, as plain values.
    """
    templates = Environment(
        loader=PackageLoader("sitrep.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["figure"] = lambda value: "–" if value is None else f"{value:.3f}"
    templates.filters["percent"] = lambda value: f"{value:.0%}"
    return templates.get_template("report.html.j2").render(
        results=results,
        confusion=confusion_svg(results.scores.confusion, results.labels),
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )
