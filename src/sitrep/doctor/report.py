"""The examination as one HTML file."""

from sitrep.doctor.findings import Examination
from sitrep.pages import render_page


def render(examination: Examination) -> str:
    """One self-contained page: styles inside, no script, no network."""
    return render_page("sitrep.doctor", "check.html.j2", examination=examination)
