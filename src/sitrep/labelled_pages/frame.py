"""The frame of every page for people: one file that holds its style and script, and a policy that allows no others."""

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

OWN = "sitrep.labelled_pages"

GENERATOR = '<meta name="generator" content="sitrep">'
"""Stands in the head of each page, so that it is not read as input later."""

CONTROL = re.compile(r"[\0-\x08\x0e-\x1b\x7f\ud800-\udfff\ufffe\uffff]")
"""What HTML cannot hold; a surrogate stands for a byte of a file name that is not UTF-8."""


def escaped(text: str) -> Markup:
    """A text as HTML, with a sign in the place of what HTML cannot hold."""
    return Markup.escape(CONTROL.sub("\ufffd", text))


def template(name: str, package: str = OWN) -> Template:
    """A template of a package, which may build on those of the coloured page."""
    return _environment(package).get_template(name)


def frame(
    styles: Sequence[str], scripts: Sequence[str], package: str = OWN, allowed: Sequence[str] = ()
) -> dict[str, Any]:
    """What the template of the frame wants: style, script, and the policy that lets a browser run these two.

    Args:
        styles: Names of files; those that the package does not have are of the coloured page.
        scripts: The same.
        package: Whose files they are.
        allowed: Of the policy, what else the page may do; by default it loads nothing at all.
    """
    style, code = ("\n".join(_file(name, package) for name in names) for names in (styles, scripts))
    policy = [
        "default-src 'none'",
        f"style-src {_hash(style)}",
        f"script-src {_hash(code)}",
        "base-uri 'none'",
        "form-action 'none'",
        *allowed,
    ]
    return {
        "style": Markup(style),
        "script": Markup(code),
        "policy": Markup("; ".join(policy)),
        "generator": Markup(GENERATOR),
    }


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


@functools.cache
def _file(name: str, package: str) -> str:
    path = resources.files(package) / "templates" / name
    return path.read_text(encoding="utf-8") if package == OWN or path.is_file() else _file(name, OWN)


@functools.cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, OWN))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["text"] = escaped
    environment.filters["number"] = lambda value: f"{value:,}"
    return environment
