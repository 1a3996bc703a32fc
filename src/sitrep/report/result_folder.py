"""The files of a result directory."""

import json
from pathlib import Path
from typing import Any

import yaml

from sitrep.evaluation.misclassifications import write_errors
from sitrep.evaluation.results import Results
from sitrep.inference.outputs import open_output
from sitrep.model import checkpoint as layout
from sitrep.report.evaluation import render, render_markdown
from sitrep.settings import EvaluateSettings, TrainSettings
from sitrep.settings.description import as_plain


def write_results(folder: Path, results: Results, settings: TrainSettings | EvaluateSettings) -> None:
    """Write settings, metrics, report, predictions, errors and environment into a result directory."""
    plain = as_plain(settings)
    (folder / layout.CONFIG).write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    _write_json(folder / layout.METRICS, results.metrics())
    _write_json(folder / layout.ENVIRONMENT, results.environment)
    with open_output(str(folder / layout.PREDICTIONS)) as write:
        for prediction in results.predictions:
            write(prediction)
    write_errors(folder / layout.ERRORS, results.errors)
    (folder / layout.REPORT).write_text(render(results, plain), encoding="utf-8")
    (folder / layout.REPORT_MARKDOWN).write_text(render_markdown(results, plain), encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
