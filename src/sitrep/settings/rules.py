"""What settings are checked with when they are made."""

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sitrep.errors import UsageError
from sitrep.labels import Taxonomy

Choice = TypeVar("Choice", bound=Enum)


def check_label_map(label_map: Mapping[str, str], taxonomy: Taxonomy) -> None:
    """Raise a ``UsageError`` unless every label that ``data.label_map`` maps to is one of the taxonomy."""
    for theirs, ours in label_map.items():
        require(ours in taxonomy.known, f"data.label_map.{theirs}", ours, f"use one of {', '.join(taxonomy.known)}")


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Raise a ``UsageError`` that names ``setting`` and its value unless ``condition`` holds."""
    if not condition:
        raise UsageError(f"{setting}={value}: {rule}")


def member(kind: type[Choice], setting: str, value: str | Choice) -> Choice:
    """A member of an enumeration, given as it is or by its name; raise a ``UsageError`` if it has none of that name."""
    if isinstance(value, kind):
        return value
    require(value in kind.__members__, setting, value, f"use one of {', '.join(kind.__members__)}")
    return kind[str(value)]


def expand_home(settings: Any, *names: str) -> None:
    """Put the user's home folder in the place of a leading ``~`` in settings that hold paths, or lists of them.

    Shells do that for words that begin with it only, not for ``output=~/labels.csv``.
    """
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, list):
            setattr(settings, name, [_at_home(item) for item in value])
        elif value is not None:
            setattr(settings, name, _at_home(value))


OBJECT_SCHEMES = ("s3", "gs")
"""Of the object storage that prediction reads and writes."""
CREDENTIALS = re.compile(r"//[^/]*[:@]|[?&](access_key|secret_key|session_token|access_token)=", re.IGNORECASE)
"""What URLs of object storage hold in other programs, and must not here: it would stand in logs and records. A secret
may have a slash in it, so that the colon before it tells; no name of a bucket has one."""


def check_object_urls(settings: Any, *names: str) -> list[str]:
    """Names of those settings that are no URL of object storage; raise a ``UsageError`` for a wrong one."""
    others = []
    for name in names:
        scheme, mark, rest = (getattr(settings, name) or "").partition("://")
        if not mark or scheme.lower() not in OBJECT_SCHEMES:
            others.append(name)
            continue
        rule = "name the bucket alone; credentials come from the environment (docs/cluster.md)"
        require(not CREDENTIALS.search(f"//{rest}"), name, f"{scheme}://…", rule)
        rule = "name a bucket, as in s3://bucket/pages/"
        require(bool(rest.partition("/")[0]), name, getattr(settings, name), rule)
    return others


def refuse_urls(settings: Any, *names: str) -> None:
    """Put the path in the place of a ``file://`` URL, and raise a ``UsageError`` for any other."""
    for name in names:
        value = getattr(settings, name) or ""
        parts = urlsplit(value) if re.match(r"[a-z][a-z0-9+.-]*://", value, re.IGNORECASE) else None
        if parts and parts.scheme == "file" and parts.netloc in ("", "localhost"):
            setattr(settings, name, url2pathname(parts.path))
        elif parts:
            remedy = "mount the bucket or share, or copy what lies there (docs/cluster.md)"
            remedy = "download it" if parts.scheme in ("http", "https") else remedy
            shown = parts._replace(netloc=parts.hostname or "", query="", fragment="").geturl()  # no secret of theirs
            raise UsageError(f"{name}={shown}: is not on a file system of this machine; {remedy}")


def _at_home(path: str) -> str:
    try:
        slash = "/" if path.endswith("/") else ""  # says that a folder is meant
        return f"{Path(path).expanduser()}{slash}" if path.startswith("~") else path
    except RuntimeError:  # there is no such user: a file may be called so
        return path
