"""The whole of ``scripts/check_data.py``: read everything, find what is wrong, say it."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console

from sitrep.data.leakage import CALIBRATION, find_duplicates, group_by_text
from sitrep.data.loading import LoadedData, columns_of, divide, named_sources
from sitrep.data.split import describe_set
from sitrep.errors import UserError
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.quality.corrected_files import FOLDER, CorrectedFile, refuse_pipes, write_corrected
from sitrep.quality.corrections import read_corrections, write_suggestions
from sitrep.quality.findings import EXAMPLES_SHOWN, Examination, Example, Finding, Severity, Suggestion
from sitrep.quality.label_checks import FOLDS, balance_findings, conflicts, suspected_errors
from sitrep.quality.leaks import duplicate_findings, leak_score, shared_findings
from sitrep.quality.text_checks import text_findings
from sitrep.quality.training_checks import refusals, shortened_ids
from sitrep.report.quality import render
from sitrep.report.rendering import figure
from sitrep.settings import CheckSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_folder, point_latest, shown

JSON_NAME, HTML_NAME, SUGGESTIONS_NAME = "check.json", "check.html", "suggestions.csv"
SCHEMA_VERSION = 1
ORDER = list(Severity)


@dataclass
class Stopwatch:
    """Seconds by part of the examination."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """Book the time since the last lap under ``name``."""
        now = time.perf_counter()
        self.seconds[name] = now - self.last
        self.last = now


def check_data(settings: CheckSettings) -> Path:
    """Examine labelled data and leave a result directory.

    Returns:
        The result directory.

    Raises:
        UserError: If nothing can be read, if corrections do not fit the data, or, under ``strict``, if anything
            worse than a hint was found; the result directory is written all the same.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
    watch = Stopwatch()
    problems: list[UserError] = []
    if settings.apply:
        refuse_pipes(named_sources(settings.data))
    with complete_folder(settings.output_dir) as (partial, folder):
        settings = replace(settings, output_dir=str(folder))
        taxonomy = find_taxonomy(settings.labels)
        data = divide(settings.data, taxonomy, problems)
        watch.lap("reading")
        sentences = [sentence for part in data.split.parts().values() for sentence in part]
        if not sentences:
            nothing = UserError(f"data.train_files={list(map(shown, settings.data.train_files))}: no units to examine")
            raise problems[0] if problems else nothing
        known = [*sentences, *data.passed_over]
        corrections = read_corrections(Path(settings.apply), known, taxonomy) if settings.apply else {}
        examination = examine(data, taxonomy, problems, settings, watch)
        _write(partial, examination, settings)
        columns = columns_of(asdict(settings.data))
        written = write_corrected(partial / FOLDER, named_sources(settings.data), columns, corrections)
    point_latest(folder, "check_data")
    _print(examination, folder, console)
    if settings.apply:
        console.print(_told(written, folder, settings.apply))
    if settings.strict and not examination.passed:
        kinds = ", ".join(dict.fromkeys(f.kind for f in examination.findings if f.severity is not Severity.hint))
        raise UserError(f"strict=true: {kinds}; see {shown(folder / HTML_NAME)}")
    return folder


def examine(
    data: LoadedData, taxonomy: Taxonomy, problems: Sequence[UserError], settings: CheckSettings, watch: Stopwatch
) -> Examination:
    """Run every check on data that is already read and divided."""
    labels = taxonomy.labels
    sets = {name: part for name, part in data.split.parts().items() if part}
    sentences = [sentence for part in sets.values() for sentence in part]
    about = {name: describe_set(part, labels) for name, part in sets.items()}
    balance = {name: described["labels"] for name, described in about.items()}
    findings = _problem_findings(problems)
    compared = sets | ({CALIBRATION: data.calibration} if data.calibration else {})
    by_text = group_by_text(compared)
    duplicates = find_duplicates(by_text, settings.near_duplicate_threshold)
    findings += duplicate_findings(duplicates)
    watch.lap("duplicates")
    findings += [*shared_findings(compared), *conflicts(by_text), *balance_findings(balance)]
    watch.lap("labels")
    findings += [*refusals(data, taxonomy, settings.data, {finding.kind for finding in findings})]
    findings += [*shortened_ids(sentences), *text_findings(sentences)]
    watch.lap("texts")
    leaks = leak_score(data.split, duplicates, taxonomy)
    watch.lap("leak-free score")
    suggestions = []
    if settings.label_errors:
        if len({sentence.article_id for sentence in sentences}) >= FOLDS and len({s.label for s in sentences}) > 1:
            suggestions = suspected_errors(sentences, labels)
            findings += _suspicion(suggestions)
        else:
            message = f"too few articles ({FOLDS} at least) or labels to look for label errors"
            findings.append(Finding("too_small", Severity.hint, message, len(sentences)))
        watch.lap("label errors")
    return Examination(
        units={name: described["units"] for name, described in about.items()},
        balance=balance,
        findings=sorted(findings, key=lambda finding: ORDER.index(finding.severity)),
        suggestions=suggestions,
        leak_score=leaks,
        sources=[asdict(source) for source in data.sources],
        seconds=watch.seconds,
    )


def _problem_findings(problems: Sequence[UserError]) -> list[Finding]:
    if not problems:
        return []
    shown = [Example("", str(problem)) for problem in problems[: 4 * EXAMPLES_SHOWN]]
    message = f"{len(problems):,} rows or files cannot be read as labelled data; training refuses them"
    return [Finding("unreadable", Severity.error, message, len(problems), shown)]


def _suspicion(suggestions: Sequence[Suggestion]) -> list[Finding]:
    issues = [suggestion for suggestion in suggestions if suggestion.issue]
    if not issues:
        return []
    shown = [
        Example(f"{s.id}: {s.label}, or {s.suggested} ({s.suggested_probability:.0%})?", s.text)
        for s in issues[:EXAMPLES_SHOWN]
    ]
    message = f"{len(issues):,} labels look wrong to a model trained on the other articles; {SUGGESTIONS_NAME} has them"
    return [Finding("suspected_label_errors", Severity.hint, message, len(issues), shown)]


def _write(folder: Path, examination: Examination, settings: CheckSettings) -> None:
    content = {"schema_version": SCHEMA_VERSION, "passed": examination.passed, **as_plain(examination)}
    content["suggestions"] = len(examination.suggestions)
    content["settings"] = as_plain(settings)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # The settings hold names of files, which need not be UTF-8; the escape that stands then is what JSON writes too.
    (folder / JSON_NAME).write_text(text, encoding="utf-8", errors="backslashreplace")
    (folder / HTML_NAME).write_text(render(examination), encoding="utf-8")
    if settings.label_errors:
        write_suggestions(folder / SUGGESTIONS_NAME, examination.suggestions)


def _print(examination: Examination, folder: Path, console: Console) -> None:
    units = ", ".join(f"{count:,} {name}" for name, count in examination.units.items())
    console.print(f"units: {units}")
    for finding in examination.findings:
        console.print(f"{finding.severity.name}: {finding.message}")
    if examination.leak_score:
        whole, free = figure(examination.leak_score["all"]), figure(examination.leak_score["leak_free"])
        console.print(f"macro-F1 of the baseline: {whole} on all test units, {free} on those without a leak")
    if not examination.findings:
        console.print("nothing found")
    console.print(f"report: {shown(folder / HTML_NAME)}")


def _told(written: Sequence[CorrectedFile], folder: Path, table: str) -> str:
    """Each file with the number of its corrections, in one line."""
    if not written:
        return f"no label corrected: no row of {shown(table)} changes one"
    files = ", ".join(f"{shown(folder / FOLDER / file.name)} ({file.corrections})" for file in written)
    return f"{sum(file.corrections for file in written)} labels corrected: {files}"
