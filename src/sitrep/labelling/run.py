"""The whole of ``scripts/label.py`` ``select``, ``export`` and ``import``."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from sitrep.data.own_labels import SampledUnit, read_sample, write_labels
from sitrep.errors import UserError, is_installed, not_installed
from sitrep.labelling.answers import ImportedLabels, check_answers
from sitrep.labelling.dealing import deal, shuffled
from sitrep.labelling.exchange import Assignment
from sitrep.labelling.formats import EXCHANGES
from sitrep.labels import find_taxonomy
from sitrep.settings import ExportSampleSettings, ImportLabelsSettings
from sitrep.storage.complete import complete_file, refuse_existing


def export_sample(settings: ExportSampleSettings) -> None:
    """Write a sample for those who label it, a file for each coder.

    Raises:
        UserError: If the sample cannot be read, or a file cannot be written; nothing is then written.
    """
    exchange = EXCHANGES[settings.format]
    if exchange.needs and not is_installed(exchange.needs):
        raise not_installed(exchange.needs)
    output = Path(settings.output)
    if output.suffix.lower() != exchange.ending:
        raise UserError(f"output={output}: format={settings.format.name} writes files that end with {exchange.ending}")
    sample, taxonomy = read_sample(Path(settings.input)), find_taxonomy(settings.labels)
    others = sorted({unit.guess for unit in sample if unit.guess is not None} - set(taxonomy.known))
    if others and settings.show_guess:
        raise UserError(f"labels={settings.labels}: the model's guess {others[0]!r} is none of them; name its taxonomy")
    dealt = _dealt(sample, settings)
    paths = {coder: output.with_stem(f"{output.stem}-{coder}") if coder else output for coder in dealt}
    beside = output.with_name(output.stem + exchange.beside[0]) if exchange.beside else None
    for path in [*paths.values(), *([beside] if beside else [])]:
        refuse_existing(path, settings.overwrite)
    console = _console()
    for coder, units in dealt.items():
        assignment = Assignment(taxonomy, coder or None, settings.show_guess)
        with complete_file(paths[coder], settings.overwrite) as partial:
            exchange.write(partial, shuffled(units, settings.seed), assignment)
        pages = len({unit.article_id for unit in units})
        console.print(f"{len(units)} units of {pages} pages written to {paths[coder]}")
    if beside and exchange.beside:
        with complete_file(beside, settings.overwrite) as partial:
            partial.write_text(exchange.beside[1](taxonomy), encoding="utf-8")
        console.print(f"the labels of its project written to {beside}")
    if len(dealt) > 1:
        shared = set.intersection(*({unit.id for unit in units} for units in dealt.values()))
        console.print(f"{len(shared)} of {len(sample)} units are in every file, so that agreement can be measured")
    if others:
        console.print(f"the model guesses {others[0]!r}, which is no label of labels={settings.labels}")
    console.print(f"next: {exchange.next_step}; then python scripts/label.py import {_import_of(settings, paths)}")


def import_labels(settings: ImportLabelsSettings) -> None:
    """Read labels back and check them against the sample.

    Raises:
        UserError: For the first thing that is wrong; nothing is then written.
    """
    exchange, path, output = EXCHANGES[settings.format], Path(settings.input), Path(settings.output)
    refuse_existing(output, settings.overwrite)
    sample, taxonomy = read_sample(Path(settings.sample)), find_taxonomy(settings.labels)
    imported = check_answers(exchange.read(path), sample, taxonomy, path, settings.coder)
    write_labels(output, imported.labels, settings.overwrite)
    console = _console()
    for line in _summary(imported):
        console.print(line)
    console.print(f"written to {output}")


def _dealt(sample: list[SampledUnit], settings: ExportSampleSettings) -> dict[str, list[SampledUnit]]:
    """Units of each coder; of nobody in particular under an empty name."""
    if len(settings.coders) > 1:
        return deal(sample, settings.coders, settings.overlap, settings.seed)
    return {settings.coders[0] if settings.coders else "": sample}


def _import_of(settings: ExportSampleSettings, paths: Mapping[str, Path]) -> str:
    """What reads the first of the files back, as it is typed."""
    said = [str(next(iter(paths.values()))), f"format={settings.format.name}", f"sample={settings.input}"]
    if settings.labels != type(settings).labels:
        said.append(f"labels={settings.labels}")
    return " ".join(map(shlex.quote, said))


def _console() -> Console:
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def _summary(imported: ImportedLabels) -> list[str]:
    labels = imported.labels
    lines = [f"{count} units labelled by {coder}" for coder, count in sorted(imported.coders.items())]
    counts: dict[str, int] = {}
    for label in labels:
        counts[label.label] = counts.get(label.label, 0) + 1
    lines.append(", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1])))
    unsure = sum(label.unsure for label in labels)
    if unsure:
        lines.append(f"{unsure} of them unsure")
    if imported.unlabelled:
        lines.append(f"{imported.unlabelled} units without a label were left out")
    if imported.absent:
        lines.append(f"{imported.absent} units of the sample are not in this file")
    return lines
