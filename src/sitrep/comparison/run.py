"""The whole of ``scripts/compare.py``: read the runs, compare them, say it."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from sitrep.comparison.figures import Comparison, RunFigures
from sitrep.comparison.pairs import compare_runs, confusions_of, flips
from sitrep.comparison.scored_runs import ScoredRun, align, read_run
from sitrep.metrics.intervals import score_intervals
from sitrep.metrics.scores import score
from sitrep.report.comparison import print_summary, write_comparison
from sitrep.settings import CompareSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_folder, point_latest


def compare(settings: CompareSettings) -> Path:
    """Compare runs and leave a complete result directory, or none.

    Returns:
        The result directory.

    Raises:
        UserError: If a run cannot be read, if the runs were not scored on the same data, or if the result cannot be
            written.
    """
    with complete_folder(settings.output_dir) as (partial, folder):
        settings = replace(settings, output_dir=str(folder))
        runs = align([read_run(name, location) for name, location in settings.runs().items()])
        comparison = Comparison(
            runs=[_figures(run, settings) for run in runs],
            pairs=compare_runs(runs, settings.draws, settings.seed),
            flips=flips(runs),
            units=len(runs[0].units),
            articles=len({unit.article_id for unit in runs[0].units}),
            settings=as_plain(settings),
        )
        write_comparison(partial, comparison)
    point_latest(folder, "compare")
    print_summary(comparison, folder, Console(stderr=True))
    return folder


def _figures(run: ScoredRun, settings: CompareSettings) -> RunFigures:
    scores = score([unit.true for unit in run.units], [unit.predicted for unit in run.units], run.taxonomy)
    intervals = score_intervals(confusions_of(run), run.taxonomy, settings.draws, settings.seed)
    return RunFigures(run.name, run.location, scores, intervals, run.seed_figures)
