"""`POST /pages`: a page is cut into sentences, and comes back as JSON, CSV or coloured."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sitrep.errors import UserError
from sitrep.inference.outputs import as_row, open_output
from sitrep.inference.page_outputs import assembled
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.predictor import Predictor
from sitrep.inference.read_passages import ReadPassages
from sitrep.labelled_pages.assembly import LabelledPage
from sitrep.labelled_pages.coloured import render_section
from sitrep.labelled_pages.colours import looks_of
from sitrep.model.encoding import EncodedRow
from sitrep.pages.html import read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import Prediction
from sitrep.serving.bodies import HTML, JSON, TEXT, check_type, decode_text, media_type, read_json
from sitrep.serving.problems import Problem
from sitrep.serving.service import Gone, LabellingService
from sitrep.serving.texts_endpoint import check_text, validated
from sitrep.settings import ServingLimits
from sitrep.storage.json_lines import json_line

CSV = "text/csv"
SHOWN = 10
"""Characters of HTML for each that it shows, about; most pages have more."""
ANSWERS = {JSON: JSON, CSV: f"{CSV}; charset=utf-8", HTML: f"{HTML}; charset=utf-8"}
"""Content type of each kind of answer, that of the first by default."""

ARTICLE_ID = "page"
"""What a page is called that nothing names."""
Name = Annotated[str, Field(strict=True, min_length=1, max_length=500)]


class PageBody(BaseModel):
    """What `/pages` takes as JSON: one of `text` and `html`."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {"text": "Shells hit the bridge. Four were killed.\n\nShare this page"},
                {"html": "<p>Four were killed.</p>"},
            ]
        },
    )

    text: Annotated[str, Field(strict=True, min_length=1)] | None = None
    """Plain text."""
    html: Annotated[str, Field(strict=True, min_length=1)] | None = None
    """HTML as it was saved."""
    article_id: Name | None = None
    """What the ids of the sentences begin with; without it, the parameter `article_id` of the address says it."""
    url: Name | None = None
    """Address that the page was fetched from."""
    speaker: Annotated[bool, Field(strict=True)] = False
    """Say of each sentence too who speaks; the parameter `speaker` of the address does the same."""


@dataclass(frozen=True)
class PageRequest:
    """A page to be labelled.

    Attributes:
        content: Plain text, or HTML as characters or bytes.
        is_html: Which.
        field: Of the request that it came in.
        article_id: As in :class:`PageBody`.
        url: As there.
        encoding: That the request names, of bytes.
        coloured: Whether an answer in JSON holds the page as coloured HTML too.
        speaker: Whether who speaks is said of each sentence.
    """

    content: str | bytes
    is_html: bool
    field: str
    article_id: str = ARTICLE_ID
    url: str | None = None
    encoding: str | None = None
    coloured: bool = False
    speaker: bool = False

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes, article_id: str, limits: ServingLimits) -> "PageRequest":
        """From a request.

        Args:
            headers: Of the request.
            body: As it came.
            article_id: That the address names; a body of JSON may name another.
            limits: Of the server.

        Raises:
            Problem: If it is not what it should be, or beyond a limit.
        """
        kind, charset = media_type(headers)
        check_type(kind, JSON, TEXT, HTML)
        if kind == HTML:
            if not body.strip():
                raise Problem("empty_input", "the page is empty", "body")
            return cls(body, True, "body", article_id, encoding=charset)
        if kind == TEXT:
            text = decode_text(body, charset)
            check_text(text, "body", limits)
            return cls(text, False, "body", article_id)
        given = validated(PageBody, read_json(body))
        if (given.text is None) == (given.html is None):
            raise Problem("invalid_request", "give one of text and html", "text")
        field = "text" if given.html is None else "html"
        content = given.text if given.html is None else given.html
        check_text(content, field, limits)
        name = given.article_id or article_id
        return cls(content, given.html is not None, field, name, given.url, speaker=given.speaker)


@dataclass(frozen=True)
class CutPage:
    """A page in sentences.

    Attributes:
        text: That offsets are of.
        title: That the page states.
        read: Its sentences as the model wants them.
    """

    text: str
    title: str | None
    read: ReadPassages


def choose_answer(accept: str | None) -> str:
    """The kind of answer that a header ``Accept`` likes best.

    Raises:
        Problem: If it takes none of them.
    """
    best: tuple[float, int, str] | None = None
    for piece in (accept or "*/*").split(","):
        name, *parameters = (part.strip().lower() for part in piece.split(";"))
        weight = next((value for value in parameters if value.startswith("q=")), "q=1").removeprefix("q=")
        try:
            q = float(weight)
        except ValueError:
            q = 0.0
        for place, kind in enumerate(ANSWERS):
            group = kind.partition("/")[0]
            exact = (name == kind) * 2 + (name == f"{group}/*")
            if q > 0 and (exact or name == "*/*"):
                rank = (q, exact * 10 - place, kind)
                best = rank if best is None or rank[:2] > best[:2] else best
    if best is None:
        raise Problem("not_acceptable", f"Accept: use one of {', '.join(ANSWERS)}")
    return best[2]


async def label_page(
    service: LabellingService,
    request: PageRequest,
    kind: str,
    calibrated: bool | None,
    gone: Gone,
    told: dict[str, Any],
) -> bytes:
    """The body of the answer.

    Raises:
        Problem: If the page cannot be labelled.
    """
    predictor = service.choose(calibrated)
    if request.speaker and not predictor.says_speakers:
        raise Problem("invalid_request", "this checkpoint has not learnt who speaks", "speaker")
    characters = len(request.content) // (SHOWN if request.is_html else 1)
    cut, logits = await service.label(partial(_read, predictor, request, service.limits), characters, gone, told)
    return await service.in_thread(partial(_answer, service, predictor, request, cut, logits, kind))


def _read(predictor: Predictor, request: PageRequest, limits: ServingLimits) -> tuple[CutPage, list[EncodedRow], int]:
    title = None
    try:
        if request.is_html:
            page = read_html(request.content, request.encoding, request.url)
            text, title = page.text, page.metadata.title
            check_text(text, request.field, limits)
            window = list(page_passages(page, request.article_id))
        else:
            assert isinstance(request.content, str)
            text = request.content
            window = list(article_passages(text, request.article_id))
        if not window:
            raise Problem("empty_input", "the page holds no sentence", request.field)
        read = predictor.read(window)
    except UserError as error:
        raise Problem("unreadable_input", str(error), request.field) from None
    return CutPage(text, title, read), read.rows, len(window)


def _answer(
    service: LabellingService, predictor: Predictor, request: PageRequest, cut: CutPage, logits: Any, kind: str
) -> bytes:
    predictions = list(with_main_text(predictor.predictions(cut.read, logits, speaker=request.speaker)))
    service.measurements.count_predictions(predictions)
    if kind != JSON:
        return _as_file(predictor, predictions, kind)
    head = {
        "article_id": request.article_id,
        "checkpoint": service.served.name,
        "title": cut.title,
        "text": cut.text,
        "counts": dict.fromkeys(predictor.taxonomy.labels, 0) | Counter(found.label for found in predictions),
        "review": sum(found.decision == "review" for found in predictions),
    }
    if request.coloured:
        head["coloured"] = _as_section(predictor, predictions)
    rows = ", ".join(json_line(as_row(found)) for found in predictions)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "sentences": [{rows}]}}'.encode("utf-8", "backslashreplace")


def _as_section(predictor: Predictor, predictions: list[Prediction]) -> str:
    """The page as it stands in a coloured file, for whoever has the style and the script of those."""
    pages: list[LabelledPage] = []
    with assembled(pages.append) as add:
        for found in predictions:
            add(found)
    looks = looks_of(predictor.taxonomy)
    return "".join(render_section(page, looks) for page in pages)


def _as_file(predictor: Predictor, predictions: list[Prediction], kind: str) -> bytes:
    """The file that `scripts/predict.py` writes, byte for byte."""
    with tempfile.TemporaryDirectory(prefix="sitrep-") as folder:
        path = Path(folder) / ("page.csv" if kind == CSV else "page.html")
        with open_output(str(path), taxonomy=predictor.taxonomy) as write:
            for found in predictions:
                write(found)
        return path.read_bytes()
