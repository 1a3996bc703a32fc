"""The visible text of a parsed page: its blocks one under another, as a browser shows them.

Nothing is judged here: menus and adverts are text as the article is. Left out is what no reader sees: scripts,
styles, templates, comments, and what is hidden by an attribute or by ``style``.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from selectolax.lexbor import LexborNode

BLOCKS = frozenset(
    "address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav noscript ol optgroup "
    "p pre search section select summary table tbody td textarea tfoot th thead tr ul xmp".split()
)
"""Elements that begin a line of their own."""
CELLS = frozenset(("td", "th"))
PREFORMATTED = frozenset(("pre", "textarea", "listing", "xmp"))
NOT_SHOWN = frozenset(
    "head script style template noframes iframe object embed applet audio video canvas map datalist svg "
    "math-annotation rp frameset -comment -doctype".split()
)
"""Elements whose content is not shown as text; some hold what stands in where they cannot be shown themselves."""
SET_APART = frozenset(("a", "time", "img", "label", "option", "input"))
"""Elements that pages put side by side without a blank and part by style."""

RAISED = frozenset(("sup", "sub"))

WORD_ENDS, WORD_BEGINS = re.compile("[a-zß-öø-ÿ]{3}$"), re.compile("[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]")
"""On either side of the edge of an element: two words that pages part by style, as in ``captionWho is``."""

HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.I)
MOVED_IN = re.compile(r"S:[0-9a-f]+").fullmatch
"""Names of the hidden parts that pages built with React are sent in, and whose script puts them where they are seen."""
ROOTS = frozenset(("html", "body"))
"""Pages hide these until their styles are there, and then show them by script."""
WHITE = re.compile(r"[ \t\n\r\f]+")
AROUND_BREAK = re.compile(r" *([\n\t]) *")
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\0]")
"""Soft hyphens, blanks of no width and the like, with which words are not found."""
PLAIN_NAME = re.compile(r"[a-z][a-z0-9-]*").fullmatch

LONG_CELL = 200
"""Characters of a cell from which a table is taken for layout, whose cells do not belong to one line."""
DEEPEST_PATH = 512
"""Levels that a path names, as many as browsers keep."""
BETWEEN = "\n\n"
"""Stands between two blocks, so that no sentence goes from one into the next."""


@dataclass(frozen=True, slots=True)
class PageBlock:
    """A stretch of a page's text that the page sets apart.

    Attributes:
        start: Offset of its first character in the page's text.
        end: Offset behind its last one.
        tag: Innermost element around it that begins a line, such as ``p``, ``li`` or ``tr``.
        xpath: Which element that is; a browser finds it by this.
        link_density: Share of its characters that are inside links, between 0 and 1.
    """

    start: int
    end: int
    tag: str
    xpath: str
    link_density: float


@dataclass(slots=True)
class _Frame:
    """An element that is open."""

    node: LexborNode
    tag: str
    parent: "_Frame | None"
    step: str
    depth: int
    owner: "_Frame"
    linked: bool
    preformatted: bool
    children: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Whether pages set it beside another without a blank, and part the two by style."""
        return "apart" if self.tag in SET_APART or "-" in self.tag else "inline"

    def path(self) -> str:
        """XPath of the element, or of the one around it at the deepest level that is told."""
        steps: list[str] = []
        frame: _Frame | None = self
        while frame is not None:
            if frame.depth <= DEEPEST_PATH:
                steps.append(frame.step)
            frame = frame.parent
        return "/" + "/".join(reversed(steps))


class _Writer:
    """Puts the text together, block by block."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.blocks: list[PageBlock] = []
        self.closed = ""
        self.edge = False
        self._length = 0
        self._begin(None)

    def _begin(self, owner: _Frame | None) -> None:
        self._owner = owner
        self._parts: list[str] = []
        self._linked: list[int] = []
        self._cells: list[tuple[int, _Frame]] = []
        self._last = ""

    def add(self, text: str, frame: _Frame) -> None:
        """Append text of an element; white space is one blank unless it is preformatted."""
        if not frame.preformatted:
            text = WHITE.sub(" ", text)
            if not self._last or self._last in " \n\t":
                text = text.lstrip(" ")
            elif self.edge and WORD_BEGINS.match(text) and WORD_ENDS.search(self._parts[-1]):
                self._blank()
        self.closed = ""
        if not text:
            return
        self.edge = False
        self._owner = self._owner or frame.owner
        self._parts.append(text)
        self._linked.append(len(text) - text.count(" ") if frame.linked else 0)
        self._last = text[-1]

    def part_from_closed(self, frame: _Frame) -> None:
        """Put a blank before an element that follows another at once, if pages part the two by style."""
        if self.closed and {frame.kind, self.closed} & {"apart"} and self._last and not self._last.isspace():
            self._blank()

    def _blank(self) -> None:
        self._parts.append(" ")
        self._linked.append(0)
        self._last = " "

    def line_break(self) -> None:
        """Begin a new line; a second break in a row begins a new block."""
        if self._last == "\n":
            self.flush()
        elif self._last:
            self._parts.append("\n")
            self._linked.append(0)
            self._last = "\n"

    def cell(self, frame: _Frame) -> None:
        """Begin a cell in the row that is being written."""
        if self._last and self._owner is not frame.owner:
            self.flush()
        if self._last:
            self._parts.append("\t")
            self._linked.append(0)
            self._last = "\t"
        self._cells.append((len(self._parts), frame))

    def flush(self) -> None:
        """End the block."""
        owner, parts, linked, cells = self._owner, self._parts, self._linked, self._cells
        self._begin(None)
        if owner is None:
            return
        bounds = [0, *(place for place, _ in cells if place), len(parts)]
        if len(bounds) > 2:
            lengths = [sum(map(len, parts[a:b])) for a, b in pairwise(bounds)]
            if max(lengths) > LONG_CELL:
                first = [cell for place, cell in cells if not place]
                owners = [first[-1] if first else owner, *(cell for place, cell in cells if place)]
                for (a, b), cell in zip(pairwise(bounds), owners, strict=True):
                    self._emit(parts[a:b], sum(linked[a:b]), cell)
                return
        self._emit(parts, sum(linked), owner)

    def _emit(self, parts: list[str], linked: int, owner: _Frame) -> None:
        text = "".join(parts)
        if ("\n" in text or "\t" in text) and not owner.preformatted:
            text = AROUND_BREAK.sub(r"\1", text)
        if not text.isascii() or "\0" in text:
            text = INVISIBLE.sub("", text)
        text = text.strip()
        if not text:
            return
        if self.pieces:
            self.pieces.append(BETWEEN)
            self._length += len(BETWEEN)
        density = min(1.0, linked / max(1, len(text) - text.count(" "))) if linked else 0.0
        end = self._length + len(text)
        self.blocks.append(PageBlock(self._length, end, owner.tag, owner.path(), round(density, 3)))
        self.pieces.append(text)
        self._length = end


def visible_text(root: LexborNode) -> tuple[str, list[PageBlock]]:
    """The text of a page and its blocks, in the order of the page.

    Args:
        root: The element ``html``.
    """
    writer = _Writer()
    frame: _Frame | None = _opened(root, root.tag or "html", None, {})
    node = root.child
    while frame is not None:
        if node is None:
            _leave(writer, frame)
            node, frame = frame.node.next if frame.parent else None, frame.parent
            continue
        tag = node.tag or ""
        if tag == "-text":
            writer.add(node.text_content or "", frame)
        elif tag == "br":
            _opened(node, tag, frame, {})  # counted, for paths
            writer.line_break()
        elif tag[:1] != "-":
            attributes = node.attributes
            inner = _opened(node, tag, frame, attributes)
            if _shown(tag, attributes):
                _enter(writer, inner)
                frame, node = inner, node.child
                continue
        node = node.next
    writer.flush()
    return "".join(writer.pieces), writer.blocks


def _opened(node: LexborNode, tag: str, parent: _Frame | None, attributes: dict[str, str | None]) -> _Frame:
    name = tag if PLAIN_NAME(tag) else "*"
    count = 1
    if parent is not None:
        counts = parent.children
        counts["*"] = counts.get("*", 0) + 1
        count = counts["*"] if name == "*" else counts.get(name, 0) + 1
        counts[name] = count
    frame = _Frame(
        node=node,
        tag=tag,
        parent=parent,
        step=f"{name}[{count}]",
        depth=parent.depth + 1 if parent else 1,
        owner=None,  # type: ignore[arg-type]  # set below, to the frame itself or one around it
        linked=(parent.linked if parent else False) or (tag == "a" and "href" in attributes),
        preformatted=(parent.preformatted if parent else False) or tag in PREFORMATTED,
    )
    inherits = parent is not None and (tag not in BLOCKS or (tag in CELLS and parent.tag == "tr"))
    frame.owner = parent.owner if parent is not None and inherits else frame
    return frame


def _shown(tag: str, attributes: dict[str, str | None]) -> bool:
    if tag in NOT_SHOWN or (tag == "dialog" and "open" not in attributes):
        return False
    if not attributes or tag in ROOTS:
        return True
    if "hidden" in attributes and attributes["hidden"] != "until-found" and not MOVED_IN(attributes.get("id") or ""):
        return False
    style = attributes.get("style")
    return not (style and HIDDEN_STYLE.search(style))


def _enter(writer: _Writer, frame: _Frame) -> None:
    writer.edge = True
    if frame.owner is frame:
        writer.flush()
    elif frame.tag in CELLS:
        writer.cell(frame)
    elif writer.closed and frame.tag not in RAISED:
        writer.part_from_closed(frame)


def _leave(writer: _Writer, frame: _Frame) -> None:
    writer.edge = True
    if frame.owner is frame:
        writer.flush()
    writer.closed = "" if frame.owner is frame else frame.kind
