"""Pages and texts out of templates, in one style."""

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def figure(value: float | None) -> str:
    """A score as people read it: three digits, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def bounds(interval: Any, written: Callable[[float], str] = figure) -> str:
    """An interval as people read it, or a dash where there is none; ``written`` says how each end is written."""
    return "–" if interval is None else f"{written(interval.low)} to {written(interval.high)}"


def render_text(template: str, **content: object) -> str:
    """Render a template as it is, such as Markdown.

    Args:
        template: File name of the template.
        content: What the template shows. A name that it uses but is not given is an error.
    """
    return _environment(escape=False).get_template(template).render(**content)


def render_page(template: str, **content: object) -> str:
    """Render a template as HTML; every value is escaped unless it is marked safe.

    Args:
        template: File name of the template; it may extend ``page.html.j2``.
        content: What the template shows. A name that it uses but is not given is an error.
    """
    return _environment(escape=True).get_template(template).render(**content)


def _environment(escape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("sitrep.report"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["bounds"] = bounds
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.0%}"
    environment.filters["cell"] = lambda text: " ".join(str(text).split()).replace("|", "\\|")
    return environment
