"""The checkpoint that a run leaves."""

import os
from pathlib import Path

from sitrep.data.split import Split
from sitrep.labels import Taxonomy
from sitrep.model import checkpoint as layout
from sitrep.model.checkpoint import write_taxonomy
from sitrep.model.checkpoint_record import CheckpointRecord
from sitrep.model.familiarity import fit_familiarity
from sitrep.model.validation_fit import ValidationFit
from sitrep.settings import TrainSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import publish
from sitrep.training.fine_tuning import FineTuned


class CheckpointWriter:
    """Writes checkpoints of one run.

    Args:
        settings: Of the run.
        taxonomy: Of its labels.
        split: Its data.
    """

    def __init__(self, settings: TrainSettings, taxonomy: Taxonomy, split: Split) -> None:
        self.settings = settings
        self.taxonomy = taxonomy
        self.split = split

    def write(self, trained: FineTuned, fit: ValidationFit, folder: Path, run: Path) -> None:
        """Write weights, tokenizer and all that stands beside them.

        Args:
            trained: Whose weights are saved.
            fit: What was fitted on validation.
            folder: In which the ``checkpoint`` folder is made.
            run: What that becomes.

        Raises:
            UserError: If the disk is full.
        """
        from sitrep.training.state_files import weights_errors

        checkpoint = folder / layout.CHECKPOINT
        with weights_errors(checkpoint):
            trained.model.model.save_pretrained(checkpoint)
            trained.tokenizer.save_pretrained(checkpoint)
            if trained.model.speakers is not None:
                trained.model.speakers.write(checkpoint)
        for path in checkpoint.iterdir():
            publish(path)  # safetensors makes weights that nobody else may read
        write_taxonomy(checkpoint, self.taxonomy)
        fit.write(checkpoint)
        if familiarity := fit_familiarity(trained.encoder, self.split.train):
            familiarity.write(checkpoint)
        self.write_record(trained, folder, run)

    def write_record(self, trained: FineTuned, folder: Path, run: Path) -> None:
        """Write what evaluation and prediction have to know; arguments as in :meth:`write`."""
        checkpoint = folder / layout.CHECKPOINT
        model = self.settings.model
        CheckpointRecord(
            max_tokens=model.max_tokens,
            files=layout.recorded_files(checkpoint),
            data=as_plain(self.settings.data),
            # Resolved, as who follows the path does not go back through a link.
            base=Path(os.path.relpath(Path.cwd().resolve(), (run / layout.CHECKPOINT).resolve())).as_posix(),
            split=self.split.digests(),
            context=trained.encoder.context.name,
            window_tokens=trained.encoder.window_tokens,
        ).write(checkpoint)
