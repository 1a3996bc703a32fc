"""The model card: what a checkpoint is, how good and what for, as ``README.md`` in the format of the Hugging Face hub.

The sections are those of M. Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), as far as the program knows
what to say in them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sitrep.evaluation.results import headline_of
from sitrep.metrics.intervals import Interval, ScoreIntervals
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.export_record import ExportRecord
from sitrep.model.packaged import PACKAGED
from sitrep.report.rendering import render_text
from sitrep.settings import Context
from sitrep.storage.hub import HUB_NAME

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

NAME = "sitrep"
TASK = "text-classification"
SETTINGS_SHOWN = ("model", "labels", "trainer", "seed", "seeds", "keep")
"""Those that make the model what it is; the others name files and folders of the machine that trained it."""


@dataclass(frozen=True)
class CardContent:
    """What a card is made from.

    Attributes:
        metrics: Content of ``metrics.json``.
        checkpoint: That it describes.
        settings: Of the training run, as plain values: the content of ``config.yaml``.
        environment: Content of ``environment.json``.
        intervals: Of the figures, as far as they are known.
        license: Identifier of a licence as the hub writes it, such as ``apache-2.0``; ``None`` leaves it out.
    """

    metrics: Mapping[str, Any]
    checkpoint: Checkpoint
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    intervals: ScoreIntervals
    license: str | None = None


def model_card(content: CardContent) -> str:
    """Write the card; nothing is fetched.

    Undefined figures are a dash in the tables and are left out of the metadata.

    Returns:
        Markdown with a YAML header that ``huggingface_hub.ModelCard`` reads.
    """
    body = render_text(
        "card.md.j2",
        content=content,
        metrics=content.metrics,
        meanings=content.checkpoint.taxonomy.meanings,
        headline=headline_of(content.checkpoint.taxonomy),
        negative=content.checkpoint.taxonomy.negative,
        left_out=content.checkpoint.taxonomy.left_out,
        sources=_sources(content.metrics),
        reads_context=content.checkpoint.context is not Context.none,
        settings=yaml.safe_dump(_shown(content.settings), sort_keys=False, allow_unicode=True).strip(),
    )
    return f"---\n{_metadata(content).to_yaml()}\n---\n\n{body}"


def exported_card(card: str, record: ExportRecord, figures: str) -> str:
    """The card of a checkpoint as that of what was exported from it.

    Args:
        card: Markdown, as :func:`model_card` wrote it.
        record: Of the export.
        figures: How it answers beside the checkpoint, in a line.
    """
    note = render_text("exported.md.j2", record=record, figures=figures)
    head, use, rest = card.partition("## How to use it\n")
    return f"{head}{note}\n{use}{rest}" if use else f"{card}\n{note}"


def _metadata(content: CardContent) -> "ModelCardData":
    from huggingface_hub import ModelCardData

    return ModelCardData(
        language="en",
        license=content.license,
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=_base_model(str(content.settings["model"]["name"])),
        tags=[NAME, "news", "conflict", "sentence-classification"],
        metrics=["f1", "accuracy"],
        model_name=NAME,
        eval_results=list(_eval_results(content)) or None,
    )


def _eval_results(content: CardContent) -> "Iterator[EvalResult]":
    """Every defined figure as the hub's ``model-index`` holds it."""
    from huggingface_hub import EvalResult

    metrics = content.metrics
    named = [
        ("f1", headline_of(content.checkpoint.taxonomy), "macro_f1", metrics["macro_f1"]),
        ("accuracy", "accuracy", "accuracy", metrics["accuracy"]),
        *(("f1", f"F1 of {label}", label, scores["f1"]) for label, scores in metrics["per_class"].items()),
        *(
            (kind, f"{kind} of {label}", "", scores[kind])
            for label, scores in metrics["per_class"].items()
            for kind in ("precision", "recall")
        ),
    ]
    for kind, name, key, value in named:
        if value is not None:
            interval = _interval(content.intervals, key)
            yield EvalResult(
                task_type=TASK,
                dataset_type=NAME,
                dataset_name=", ".join(_sources(metrics)),
                dataset_split="test",
                metric_type=kind,
                metric_name=name,
                metric_value=value,
                metric_args={"interval_95": [interval.low, interval.high]} if interval else None,
            )


def _interval(intervals: ScoreIntervals, key: str) -> Interval | None:
    """Of ``macro_f1``, ``accuracy``, or a label's F1."""
    if key in intervals.per_class:
        return intervals.per_class[key].f1
    return {"macro_f1": intervals.macro_f1, "accuracy": intervals.accuracy}.get(key)


def _base_model(name: str) -> str | None:
    """Name of the backbone on the hub; ``None`` for a folder, or an encoder of random weights."""
    if name in PACKAGED:
        return PACKAGED[name].hub
    return name if HUB_NAME.fullmatch(name) and not Path(name).exists() else None


def _sources(metrics: Mapping[str, Any]) -> list[str]:
    """Names of the data without the folders they lay in."""
    names = [str(source["source"]) for source in metrics["data"]["sources"]]
    return [name if HUB_NAME.fullmatch(name) and not Path(name).exists() else Path(name).name for name in names]


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: settings[name] for name in SETTINGS_SHOWN if name in settings}
    name = str(shown["model"]["name"])
    return shown | {"model": {**shown["model"], "name": name if _base_model(name) else Path(name).name}}
