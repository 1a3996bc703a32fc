"""HTML pages out of templates, in one style."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def figure(value: float | None) -> str:
    """A score as people read it: three digits, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def render_page(package: str, template: str, **content: object) -> str:
    """Render a template of a package's folder ``templates``; every value is escaped unless it is marked safe.

    Args:
        package: Dotted name of the package.
        template: File name of the template; it may extend ``page.html.j2``.
        content: What the template shows. A name that it uses but is not given is an error.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("sitrep")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["percent"] = lambda value: f"{value:.0%}"
    return environment.get_template(template).render(**content)
