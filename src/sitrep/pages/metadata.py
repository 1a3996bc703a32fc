"""What a page states of itself: title, address, publisher, author and date of publication."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

TITLES = ("og:title", "twitter:title", "dc.title", "dcterms.title", "headline")
ADDRESSES = ("og:url", "twitter:url")
PUBLISHERS = ("og:site_name", "dc.publisher", "dcterms.publisher", "application-name", "publisher")
AUTHORS = ("author", "article:author", "byl", "dc.creator", "dcterms.creator", "parsely-author", "sailthru.author")
DATES = (
    "article:published_time",
    "og:published_time",
    "datepublished",
    "date",
    "pubdate",
    "publishdate",
    "publish-date",
    "dc.date.issued",
    "dc.date",
    "dcterms.created",
    "dcterms.date",
    "parsely-pub-date",
    "sailthru.date",
    "cxenseparse:recs:publishtime",
)
"""Names of ``meta`` elements, those that publishers keep best first."""

ARTICLES = re.compile(r"(?:Article|BlogPosting|Posting|LiveBlogPosting|Report|Review|WebPage)$")
"""Types of schema.org that speak of the page itself."""

LONGEST = 500
"""Characters of a value that is taken; longer ones are text that got into the wrong place."""


@dataclass(frozen=True)
class PageMetadata:
    """What a page states of itself; ``None`` where it states nothing.

    Attributes:
        title: Of the article, else of the document.
        url: Its canonical address, absolute.
        publisher: Name of the site or the outlet.
        author: Names, joined by semicolons.
        date_published: In ISO 8601, with the time of day where it is stated.
    """

    title: str | None = None
    url: str | None = None
    publisher: str | None = None
    author: str | None = None
    date_published: str | None = None


def page_metadata(tree: LexborHTMLParser, url: str | None = None) -> PageMetadata:
    """Read it from ``meta``, ``link``, JSON-LD and ``title``.

    Args:
        tree: The parsed page.
        url: Address that the page was fetched from; stands where the page does not state its own.
    """
    stated = _meta(tree)
    linked = next(iter(_json_ld(tree)), {})
    title = tree.css_first("head > title") or tree.css_first("h1")
    canonical = tree.css_first('link[rel~="canonical" i]')
    addresses = [canonical.attributes.get("href") if canonical else None, *_of(stated, ADDRESSES), linked.get("url")]
    times = [node.attributes.get("datetime") for node in tree.css('time[pubdate], time[itemprop="datePublished"]')[:1]]
    dates = [linked.get("datePublished"), *_of(stated, DATES), *times]
    authors = [_names(linked.get("author")), *(name for name in _of(stated, AUTHORS) if not name.startswith("http"))]
    return PageMetadata(
        title=_first([_plain(linked.get("headline")), *_of(stated, TITLES), title.text() if title else None]),
        url=_first([_absolute(address, url) for address in addresses]) or url,
        publisher=_first([_names(linked.get("publisher")), *_of(stated, PUBLISHERS)]),
        author=_first([*authors, *_bylines(tree)]),
        date_published=_first([_iso(date) for date in dates]),
    )


def _meta(tree: LexborHTMLParser) -> dict[str, str]:
    """Content of the ``meta`` elements by their name in small letters; the first of a name counts."""
    stated: dict[str, str] = {}
    for node in tree.css("meta"):
        attributes = node.attributes
        content = attributes.get("content")
        if not content:
            continue
        for kind in ("property", "name", "itemprop"):
            if name := attributes.get(kind):
                stated.setdefault(name.strip().lower(), content)
    return stated


def _of(stated: dict[str, str], names: tuple[str, ...]) -> list[str]:
    return [stated[name] for name in names if name in stated]


def _first(values: list[str | None]) -> str | None:
    """The first value that says something, in one line."""
    for value in values:
        line = " ".join((value or "").split())
        if line and len(line) <= LONGEST:
            return line
    return None


def _json_ld(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Objects of JSON-LD that speak of the page, articles before the page as such."""
    found = []
    for node in tree.css('script[type="application/ld+json" i]'):
        try:
            found += list(_objects(json.loads(node.text() or "", strict=False)))
        except (ValueError, RecursionError):  # pages hold anything
            continue
    yield from sorted(found, key=lambda item: "WebPage" in str(item.get("@type")))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            kinds = item.get("@type")
            if any(ARTICLES.search(str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds])):
                yield item
            waiting += [item[key] for key in ("@graph", "mainEntity") if key in item]


def _plain(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: Any) -> str | None:
    """Names of people or organizations, as schema.org allows them: text, objects, lists of these."""
    values = value if isinstance(value, list) else [value]
    names = [item.get("name") if isinstance(item, dict) else item for item in values]
    plain = [name.strip() for name in names if isinstance(name, str) and name.strip() and "://" not in name]
    return "; ".join(dict.fromkeys(plain)) or None


def _bylines(tree: LexborHTMLParser) -> list[str]:
    return [node.text() for node in tree.css('a[rel~="author"], [itemprop="author"] [itemprop="name"]')[:1]]


def _absolute(address: Any, base: str | None) -> str | None:
    if not isinstance(address, str):
        return None
    try:
        whole = urljoin(base or "", address.strip())
        parts = urlsplit(whole)
    except ValueError:
        return None
    return whole if parts.scheme in ("http", "https") and parts.netloc else None


def _iso(value: Any) -> str | None:
    """A date in ISO 8601, or that of mail headers; anything else could be read in two ways."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return (
            datetime.fromisoformat(text).isoformat()
            if len(text) > 10
            else datetime.fromisoformat(text).date().isoformat()
        )
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
