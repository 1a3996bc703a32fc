"""What a page states of itself: title, address, publisher, author and date of publication."""

import html
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

LONGEST_HEADLINE = 200
"""Characters of a headline in JSON-LD that goes before other titles; in longer ones stands the first paragraph."""

BYLINE = re.compile(r"by\s+", re.I)
DATE_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])/")


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
    by_name = {name: values[0] for name, values in stated.items()}
    linked, known = _json_ld(tree)
    title = tree.css_first("head > title") or tree.css_first("h1")
    canonical = tree.css_first('link[rel~="canonical" i]')
    addresses = [canonical.attributes.get("href") if canonical else None, *_of(by_name, ADDRESSES), linked.get("url")]
    address = _first([_absolute(one, url) for one in addresses]) or url
    times = [node.attributes.get("datetime") for node in tree.css('time[pubdate], time[itemprop="datePublished"]')[:1]]
    dates = [linked.get("datePublished"), *_of(by_name, DATES), *times, _date_of(address), _only_day(tree)]
    authors = ["; ".join(dict.fromkeys(map(_without_by, filter(_is_name, stated.get(name, []))))) for name in AUTHORS]
    headline = _plain(linked.get("headline"))
    titles = [*_of(by_name, TITLES), title.text() if title else None]
    late = headline is not None and len(headline) > LONGEST_HEADLINE
    return PageMetadata(
        title=_first([*titles, headline] if late else [headline, *titles]),
        url=address,
        publisher=_first([_names(linked.get("publisher"), known), *_of(by_name, PUBLISHERS)]),
        author=_first([_names(linked.get("author"), known), *authors, *_bylines(tree)]),
        date_published=_first([_iso(date) for date in dates]),
    )


def _meta(tree: LexborHTMLParser) -> dict[str, list[str]]:
    """Contents of the ``meta`` elements by their name in small letters, in their order."""
    stated: dict[str, list[str]] = {}
    for node in tree.css("meta"):
        attributes = node.attributes
        content = attributes.get("content")
        if not content:
            continue
        for kind in ("property", "name", "itemprop"):
            if name := attributes.get(kind):
                stated.setdefault(name.strip().lower(), []).append(content)
    return stated


def _of(stated: dict[str, str], names: tuple[str, ...]) -> list[str]:
    return [stated[name] for name in names if name in stated]


def _first(values: list[str | None]) -> str | None:
    """The first value that says something, in one line."""
    for value in values:
        # Many pages escape what is escaped already.
        line = " ".join(html.unescape(value or "").split())
        if line and len(line) <= LONGEST:
            return line
    return None


def _json_ld(tree: LexborHTMLParser) -> tuple[dict[str, Any], dict[str, str]]:
    """The object of JSON-LD that speaks of the page, an article before the page as such; and all names by their id."""
    about: list[dict[str, Any]] = []
    known: dict[str, str] = {}
    for node in tree.css('script[type="application/ld+json" i]'):
        try:
            objects = list(_objects(json.loads(node.text() or "", strict=False)))
        except (ValueError, RecursionError):  # pages hold anything
            continue
        for item in objects:
            kinds = item.get("@type")
            if any(ARTICLES.search(str(kind)) for kind in (kinds if isinstance(kinds, list) else [kinds])):
                about.append(item)
            if isinstance(item.get("@id"), str) and isinstance(item.get("name"), str):
                known.setdefault(item["@id"], item["name"])
    return min(about, key=lambda item: "WebPage" in str(item.get("@type")), default={}), known


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            yield item
            waiting += [item[key] for key in ("@graph", "mainEntity") if key in item]


def _plain(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: Any, known: dict[str, str]) -> str | None:
    """Names of people or organizations, as schema.org allows them: text, objects, their ids, lists of these."""
    values = value if isinstance(value, list) else [value]
    names = [item.get("name") or known.get(str(item.get("@id"))) if isinstance(item, dict) else item for item in values]
    plain = [_without_by(name) for name in names if isinstance(name, str) and _is_name(name)]
    return "; ".join(dict.fromkeys(plain)) or None


def _is_name(text: str) -> bool:
    return bool(text.strip()) and "://" not in text


def _without_by(name: str) -> str:
    text = name.strip()
    return text[found.end() :] if (found := BYLINE.match(text)) else text


def _only_day(tree: LexborHTMLParser) -> str | None:
    """What the elements ``time`` of a page say if all name one day; a page that lists others names several."""
    times = [date for node in tree.css("time[datetime]") if (date := _iso(node.attributes.get("datetime")))]
    return times[0] if len({time[:10] for time in times}) == 1 else None


def _date_of(address: str | None) -> str | None:
    """The day that an address names, as ``/2024/03/05/``; the last thing to go by."""
    found = DATE_IN_ADDRESS.search(address or "")
    return "-".join(found.groups()) if found else None


def _bylines(tree: LexborHTMLParser) -> list[str]:
    return [
        _without_by(node.text()) for node in tree.css('a[rel~="author"], [itemprop="author"] [itemprop="name"]')[:1]
    ]


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
