"""Label Studio: tasks with their labelling configuration, and what it exports (JSON, JSON-MIN)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError
from sitrep.labelling.codebook_hints import hints_of
from sitrep.labelling.exchange import UNIT_ID, UNSURE, Answer, Assignment, unit_id
from sitrep.labels import Taxonomy
from sitrep.sentences import probability_of
from sitrep.storage.complete import shown
from sitrep.storage.sent_texts import showable
from sitrep.storage.tables import check_readable

COMMENT = "comment"
HOTKEYS = "123456789"


def write_tasks(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write tasks; the model's guess goes along as a prediction only if coders are to see it.

    Our id is `unit_id`: `id` is overwritten by Label Studio's own in JSON-MIN.
    """
    tasks = [_task(unit, assignment) for unit in units]
    path.write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")


def labelling_configuration(taxonomy: Taxonomy) -> str:
    """The labelling interface, to be pasted into the project's settings."""
    view = ElementTree.Element("View")
    for name in ("before", "text", "after"):
        size = "5" if name == "text" else "6"
        ElementTree.SubElement(view, "Header", value={"text": "To be labelled"}.get(name, name.title()), size=size)
        ElementTree.SubElement(view, "Text", name=name, value=f"${name}")
    ElementTree.SubElement(view, "Header", value="What is it for?", size="5")
    one = _choices(view, "label", "single", required="true")
    for label, hotkey in _with_hotkeys(taxonomy.known):
        ElementTree.SubElement(one, "Choice", _choice(label, taxonomy) | hotkey)
    ElementTree.SubElement(view, "Header", value="Other classes that apply too", size="6")
    several = _choices(view, "labels", "multiple")
    for label in taxonomy.classes:
        ElementTree.SubElement(several, "Choice", _choice(label, taxonomy))
    ElementTree.SubElement(_choices(view, UNSURE, "multiple"), "Choice", value=UNSURE, hotkey="u")
    area = {"name": COMMENT, "toName": "text", "maxSubmissions": "1", "placeholder": "Comment", "rows": "1"}
    ElementTree.SubElement(view, "TextArea", area)
    hints = hints_of(taxonomy)
    for label in taxonomy.known:
        said = [text for text in (taxonomy.meanings.get(label), *hints.get(label, ())) if text]
        if said:
            ElementTree.SubElement(view, "Header", value=f"{label}: {'; '.join(said)}", size="6")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def read_export(path: Path) -> Iterator[Answer]:
    """Read what Label Studio exports as JSON or JSON-MIN; predictions in it are no answers.

    Raises:
        UserError: If it is none of both.
    """
    for number, task in enumerate(_tasks(path), 1):
        place = f"{shown(path)}: task {number}"
        if not isinstance(task, dict):
            raise UserError(f"{place}: is no task; export it from Label Studio as JSON or JSON-MIN")
        made = task.get("annotations", task.get("completions"))
        if made is None and "data" not in task:
            yield _answer(place, task, task, task.get("annotator"))
            continue
        data = task["data"] if isinstance(task.get("data"), dict) else task
        kept = 0
        for annotation in made if isinstance(made, list) else ():
            if not isinstance(annotation, dict):
                raise UserError(f"{place}: its annotations are numbers only; export it as JSON or JSON-MIN")
            if annotation.get("was_cancelled") or annotation.get("skipped"):
                continue
            kept += 1
            yield _answer(place, data, _results(annotation), annotation.get("completed_by"))
        if not kept:
            yield _answer(place, data, {}, None)


def _task(unit: SampledUnit, assignment: Assignment) -> dict[str, Any]:
    data = {
        UNIT_ID: unit.id,
        "text_hash": unit.text_hash,
        "page": unit.article_id,
        "before": showable("\n".join(unit.before)),
        "text": showable(unit.text),
        "after": showable("\n".join(unit.after)),
    }
    if assignment.coder is not None:
        data["coder"] = assignment.coder
    task: dict[str, Any] = {"data": data}
    if assignment.show_guess and unit.guess is not None:
        guess = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [unit.guess]}}
        task["predictions"] = [{"model_version": "sitrep", "result": [guess]}]
        if unit.probabilities:
            task["predictions"][0]["score"] = probability_of(unit.guess, unit.probabilities)
    return task


def _choices(view: ElementTree.Element, name: str, choice: str, **others: str) -> ElementTree.Element:
    return ElementTree.SubElement(view, "Choices", {"name": name, "toName": "text", "choice": choice} | others)


def _choice(label: str, taxonomy: Taxonomy) -> dict[str, str]:
    meaning = taxonomy.meanings.get(label)
    return {"value": label, "hint": meaning} if meaning else {"value": label}


def _with_hotkeys(labels: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    for place, label in enumerate(labels):
        yield label, {"hotkey": HOTKEYS[place]} if place < len(HOTKEYS) else {}


def _tasks(path: Path) -> list[Any]:
    check_readable(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{shown(path)}: not valid JSON: {error}; export it as JSON or JSON-MIN") from None
    return content if isinstance(content, list) else [content]


def _results(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """What an annotation says, by the name of the control, as JSON-MIN has it."""
    found: dict[str, Any] = {}
    for result in annotation.get("result") or ():
        if isinstance(result, dict):
            found[str(result.get("from_name"))] = result.get("value")
    return found


def _answer(place: str, data: Mapping[str, Any], said: Mapping[str, Any], by: Any) -> Answer:
    label = _chosen(said.get("label"))
    if isinstance(by, dict):
        by = by.get("email") or by.get("username") or by.get("id")
    return Answer(
        place=place,
        id=unit_id(data, place),
        text_hash=data.get("text_hash"),
        text=data.get("text"),
        label=label[0] if label else None,
        labels=(*label[1:], *_chosen(said.get("labels"))),
        annotator=None if by is None else str(by),
        dealt_to=data.get("coder"),
        unsure=bool(_chosen(said.get(UNSURE))),
        comment="\n".join(_chosen(said.get(COMMENT))),
    )


def _chosen(value: Any) -> tuple[str, ...]:
    """Choices or lines: a name alone, a list, or a mapping that holds either."""
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return () if value in (None, "") else (str(value),)
