"""The whole of ``scripts/label.py audit``: read labels and predictions, count, say it."""

from pathlib import Path

from rich.console import Console

from sitrep.counting.audit import audit_set
from sitrep.counting.labelled_units import read_labelled_units
from sitrep.counting.tallies import Column, tally_set
from sitrep.inference.predicted_rows import prediction_files
from sitrep.report.counts import CountedFile, print_counts, write_counts
from sitrep.settings import AuditSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_file, refuse_existing, sha256_of, shown


def audit(settings: AuditSettings) -> Path:
    """Count how many units of each class a set holds, and leave a complete file, or none.

    Returns:
        The file.

    Raises:
        UserError: If predictions or labels cannot be read, do not belong together, or the labels are not drawn at
            random.
    """
    predictions, labels, output = Path(settings.predictions), Path(settings.labels), Path(settings.output)
    refuse_existing(output, settings.overwrite)
    labelled = read_labelled_units(labels)
    tallies = tally_set(predictions, labelled, Column.of(settings.by) if settings.by else None)
    found = audit_set(tallies, labelled, labels)
    inputs = {
        "predictions": [_described(file) for file in prediction_files(predictions)],
        "labels": [_described(labels)],
    }
    with complete_file(output, settings.overwrite) as partial:
        write_counts(partial, found, as_plain(settings), inputs)
    print_counts(found, output, Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True))
    return output


def _described(file: Path) -> CountedFile:
    return CountedFile(shown(file), file.stat().st_size, sha256_of(file))
