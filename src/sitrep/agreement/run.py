"""The whole of ``scripts/label.py agree``: read what coders said, hold it together, decide what can be decided."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from sitrep.agreement.coder_files import read_coders
from sitrep.agreement.examined_coders import ExaminedCoders
from sitrep.agreement.model_labels import read_guesses
from sitrep.agreement.reliability import against_model, coder_pairs, label_counts, reliability
from sitrep.agreement.third_reader import decide, read_decisions
from sitrep.labels import find_taxonomy
from sitrep.report.coder_agreement import print_agreement, write_agreement
from sitrep.settings import AgreeSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_folder, point_latest

MODEL = "model"


def agree(settings: AgreeSettings) -> Path:
    """Say how far coders agree, and leave a complete result directory, or none.

    Returns:
        The result directory.

    Raises:
        UserError: If the files are not of two coders who labelled the same units, or the result cannot be written.
    """
    with complete_folder(settings.output_dir) as (partial, folder):
        settings = replace(settings, output_dir=str(folder))
        taxonomy = find_taxonomy(settings.labels)
        coded = read_coders([Path(path) for path in settings.inputs], taxonomy)
        guesses = read_guesses(Path(settings.predictions), coded) if settings.predictions else {}
        decisions = read_decisions(Path(settings.decided), coded) if settings.decided else {}
        examined = ExaminedCoders(
            coded=coded,
            counts=label_counts(coded),
            reliability=reliability(coded, settings.draws, settings.seed),
            pairs=coder_pairs(coded, settings.draws, settings.seed),
            model=against_model(coded, guesses, MODEL, settings.draws, settings.seed),
            outcome=decide(coded, decisions),
            settings=as_plain(settings),
        )
        write_agreement(partial, examined)
    point_latest(folder, "agree")
    print_agreement(examined, folder, Console(stderr=True))
    return folder
