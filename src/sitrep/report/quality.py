"""The examination as one HTML file."""

from sitrep.quality.findings import Examination
from sitrep.report.rendering import render_page


def render(examination: Examination) -> str:
    """One self-contained page: styles inside, no script, no network."""
    return render_page("check.html.j2", examination=examination)
