"""What stands in the log of a run, a line for every step."""

import json
from pathlib import Path
from typing import Any

from sitrep.training.library_arguments import BEST_METRIC

STEP_LOG = "training.jsonl"
VALIDATION = f"validation_{BEST_METRIC}"
"""Only lines at the ends of epochs have it."""


def read_step_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log, also of one that was cut off within a line; none where there is no file."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # cut off
            continue
    return [record for record in records if isinstance(record, dict) and isinstance(record.get("step"), int)]
