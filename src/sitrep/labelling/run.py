"""The whole of ``scripts/label.py`` ``select``, ``export`` and ``import``."""

import shlex
from collections import Counter
from pathlib import Path

from rich.console import Console

from sitrep.data.own_labels import Drawn, SampledUnit, read_sample, write_labels, write_sample
from sitrep.errors import UserError, is_installed, not_installed
from sitrep.inference.embedding import Embedder
from sitrep.inference.left_out import open_left_out
from sitrep.labelling.answers import ImportedLabels, check_answers
from sitrep.labelling.dealing import deal, shuffled
from sitrep.labelling.diversity import Embed
from sitrep.labelling.exchange import Assignment
from sitrep.labelling.formats import EXCHANGES
from sitrep.labelling.selection import Plan, draw_sample, make_plan, with_guesses
from sitrep.labelling.unit_pool import UnitPool
from sitrep.labelling.unit_source import UnitSource, load_predictor
from sitrep.labels import find_taxonomy
from sitrep.settings import ExportSampleSettings, ImportLabelsSettings, SelectSettings
from sitrep.storage.complete import complete_file, refuse_existing


def select(settings: SelectSettings) -> None:
    """Draw units of pages, or of what prediction wrote, to be labelled.

    Raises:
        PartlyRead: Behind everything else, if pages or rows were left out.
        UserError: If the input, the checkpoint or the output cannot be used; nothing is then written.
    """
    output, console = Path(settings.output), _console()
    refuse_existing(output, settings.overwrite)
    source = UnitSource.of(settings)
    wants_model = source.pages is not None and settings.random_share < 1
    predictor = load_predictor(settings) if wants_model else None
    with open_left_out(settings.output) as left_out:
        pool = source.read(left_out, predictor, console)
        if not len(pool):
            raise UserError(f"nothing could be read; the first reason of {left_out.count}: {left_out.first}")
        plan = make_plan(pool, settings.n, settings.random_share, settings.per_page, settings.seed)
        embed = _embedder(plan, source, console)
        sample = draw_sample(pool, plan, source.passages(_pass_over), settings.per_page, settings.seed, embed)
        if not pool.class_names and Path(settings.checkpoint).exists():
            sample = with_guesses(sample, source.passages(_pass_over), load_predictor(settings))
        write_sample(output, sample, settings.overwrite)
    for line in _drawn(sample, pool, plan, settings):
        console.print(line)
    left_out.raise_if_any()


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
            exchange.write(partial, shuffled(units, settings.seed, coder), assignment)
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
    back = next(iter(paths.values())) if exchange.in_place else "FILE"
    console.print(f"next: {exchange.next_step}; then python scripts/label.py import {_import_of(settings, back)}")


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


def _embedder(plan: Plan, source: UnitSource, console: Console) -> Embed | None:
    """What tells how unlike texts are, where there is something to choose and the model's pages were read."""
    if not plan.shortlist or source.pages is None:
        return None
    if not is_installed("torch"):
        console.print("torch is not installed, so units are chosen by uncertainty alone")
        return None
    return Embedder().embed


def _drawn(sample: list[SampledUnit], pool: UnitPool, plan: Plan, settings: SelectSettings) -> list[str]:
    """What was drawn, and what to do next."""
    pages = {kind: {unit.article_id for unit in sample if unit.drawn is kind} for kind in Drawn}
    counts = Counter(unit.drawn for unit in sample)
    lines = [f"{len(pool):,} units of {len(pool.pages):,} pages"]
    if settings.n >= len(pool):
        lines.append(f"n={settings.n}: the sample is all of them, each with the probability 1")
    if plan.random.count and settings.n < len(pool):
        at_random = f"{counts[Drawn.random]} at random, of {len(pages[Drawn.random])} pages"
        lines.append(f"{at_random}: each unit with the probability {plan.random.probability:.6g}")
    if counts[Drawn.chosen]:
        lines.append(
            f"{counts[Drawn.chosen]} chosen, of {len(pages[Drawn.chosen])} other pages: where the model is in doubt"
        )
    if len(sample) < min(settings.n, len(pool)):
        lines.append(
            f"{settings.n} were asked for: with per_page={settings.per_page} the pages hold no more that differ; "
            "give more pages, or a larger per_page"
        )
    if not any(unit.guess for unit in sample):
        lines.append(f"checkpoint={settings.checkpoint}: not there, so the sample has no guesses")
    named = shlex.quote(settings.output)
    return [
        *lines,
        f"written to {settings.output}",
        f"next: python scripts/label.py export {named} format=page output=page.html",
    ]


def _pass_over(error: UserError) -> None:
    """Pages and rows that cannot be read were told at the first reading."""


def _dealt(sample: list[SampledUnit], settings: ExportSampleSettings) -> dict[str, list[SampledUnit]]:
    """Units of each coder; of nobody in particular under an empty name."""
    if len(settings.coders) > 1:
        return deal(sample, settings.coders, settings.overlap, settings.seed)
    return {settings.coders[0] if settings.coders else "": sample}


def _import_of(settings: ExportSampleSettings, back: Path | str) -> str:
    """What reads back the file that comes back, as it is typed."""
    said = [str(back), f"format={settings.format.name}", f"sample={settings.input}"]
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
        lines.append(f"left out, as they have no label: {imported.unlabelled}")
    if imported.absent:
        lines.append(f"of the sample, but not in this file: {imported.absent}")
    return lines
