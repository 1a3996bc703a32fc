"""The units of a set, read twice: once for what the model says of each, and once for the texts of those drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from sitrep.errors import Refuse, UserError
from sitrep.inference.inputs import InputSource
from sitrep.inference.predicted_rows import PredictedRow, holds_predictions, read_predictions
from sitrep.inference.prediction_progress import PredictionProgress
from sitrep.inference.predictor import Predictor
from sitrep.labelling.unit_pool import UnitPool
from sitrep.model.checkpoint import open_checkpoint
from sitrep.sentences import UNFAMILIAR_VOCABULARY, Passage
from sitrep.settings import JoinLines, SelectSettings


@dataclass(frozen=True)
class UnitSource:
    """Where units come from.

    Attributes:
        pages: Pages or rows; ``None`` where it is what prediction wrote.
        path: File or folder.
    """

    pages: InputSource | None
    path: Path

    @classmethod
    def of(cls, settings: SelectSettings) -> "UnitSource":
        """The input of a selection.

        Raises:
            UserError: If it cannot be read, or once only.
        """
        path = Path(settings.input)
        pages = InputSource(
            settings.input,
            settings.format,
            settings.unit,
            settings.text_field,
            output=Path(settings.output),
            html_field=settings.html_field,
            join_lines=JoinLines.auto,
        )
        if pages.is_stream:
            raise UserError(f"input={settings.input}: is read twice, which a pipe does not allow; save it as a file")
        if path.exists() and holds_predictions(path):
            return cls(None, path)
        pages.check()
        return cls(pages, path)

    def passages(self, refuse: Refuse) -> Iterator[Passage]:
        """The units, in an order that is the same each time.

        Args:
            refuse: Told of each page and row that cannot be read.
        """
        if self.pages is not None:
            yield from self.pages.passages(refuse)
        else:
            yield from map(_passage, read_predictions(self.path))

    def read(self, refuse: Refuse, predictor: Predictor | None, console: Console) -> UnitPool:
        """Read all units, with what the model says of them where there is one or it said it already."""
        pool = UnitPool()
        if self.pages is None:
            for row in read_predictions(self.path):
                readable = row.unfamiliar in (None, UNFAMILIAR_VOCABULARY)
                pool.add(_passage(row), row.label, row.probabilities, readable)
            return pool
        meter = self.pages.meter
        meter.expect(path for path, _ in self.pages.named_files())
        with PredictionProgress(console, meter) as progress:
            passages = progress.reading(self.pages.passages(refuse))
            if predictor is None:
                for passage in passages:
                    pool.add(passage)
                return pool
            for prediction in progress.predicted(predictor.predict(passages)):
                readable = prediction.unfamiliar in (None, UNFAMILIAR_VOCABULARY)
                pool.add(prediction.passage, prediction.label, prediction.probabilities, readable)
        return pool


def load_predictor(settings: SelectSettings) -> Predictor:
    """The model that says what is uncertain."""
    return Predictor.from_checkpoint(
        open_checkpoint(settings.checkpoint),
        engine=settings.engine,
        precision=settings.inference.precision,
        batch_tokens=settings.inference.batch_tokens,
    )


def _passage(row: PredictedRow) -> Passage:
    return Passage(row.id, row.article_id, row.position, 0, len(row.text), row.text, row.fields)
