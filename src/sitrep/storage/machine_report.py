"""What was found out about this machine once, and is kept in the user's cache folder until the machine changes."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sitrep.storage.cache import cache_folder

REPORT = "engine_report.json"


def report_path() -> Path:
    """Where it is kept."""
    return cache_folder() / REPORT


def found_once(question: str, holds_for: Mapping[str, Any], find_out: Callable[[], Any]) -> Any:
    """The answer to a question about this machine: the one that was kept, or else a new one, which is then kept.

    Args:
        question: Names the entry of the report.
        holds_for: What the answer depends on, such as processor and versions; another value asks again.
        find_out: Gives the answer, as JSON can hold it. What it raises is not kept.
    """
    wanted = json.loads(json.dumps(holds_for))
    kept = _read()
    entry = kept.get(question)
    if isinstance(entry, dict) and entry.get("holds_for") == wanted and "answer" in entry:
        return entry["answer"]
    answer = find_out()
    path = report_path()
    with suppress(OSError):  # a report that cannot be written costs a second or two a run, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{REPORT}.{os.getpid()}")
        content = _read() | {question: {"holds_for": wanted, "answer": answer}}
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    return answer


def _read() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = json.loads(report_path().read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}
