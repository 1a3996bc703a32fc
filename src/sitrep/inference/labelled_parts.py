"""What it is to label one part of a job, in the process of the job or in one elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from sitrep.inference.job_parts import Place
from sitrep.inference.outputs import Write, readable
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.predictor import Predictor
from sitrep.inference.stage_clock import WRITING
from sitrep.inference.tally import Counting, PageCounts, Tally
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import Passage, Prediction
from sitrep.settings import EngineName, PartFormat, Precision


@dataclass(frozen=True)
class Loading:
    """How a checkpoint is loaded; see :meth:`Predictor.from_checkpoint`."""

    calibrated: bool
    engine: EngineName
    precision: Precision
    batch_tokens: int | None
    speaker: bool = False

    def load(self, checkpoint: Checkpoint) -> Predictor:
        """Load it."""
        return Predictor.from_checkpoint(
            checkpoint,
            calibrated=self.calibrated,
            engine=self.engine,
            precision=self.precision,
            batch_tokens=self.batch_tokens,
            speaker=self.speaker,
        )


@dataclass
class CutPart:
    """A part of the input.

    Attributes:
        number: In its job, from 0.
        file: Name of what it becomes; ``None`` if nothing of it could be read.
        begin: Where in the input it begins.
        end: Where the next one begins.
        errors: A line of JSON for each page and row of it that could not be read.
        passages: Its sentences, where all of it was read at once; they go when they are no longer needed.
        count: How many these were.
    """

    number: int
    file: str | None
    begin: Place
    end: Place
    errors: list[str]
    passages: list[Passage] = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True)
class LabelledPart:
    """What was said of a part.

    Attributes:
        first: Id of its first sentence.
        last: Id of its last one.
        counts: As :class:`Tally` gives them.
        pages: Sentences of each page by label.
    """

    first: str | None
    last: str | None
    counts: dict[str, Any]
    pages: list[PageCounts]


NOTHING_LABELLED = LabelledPart(None, None, Tally().as_plain(), [])


def part_name(number: int, form: PartFormat) -> str:
    """Of the file of a part."""
    return f"part-{number:05d}.{form.name}"


def without_source(passage: Passage) -> Passage:
    """Parts are tables, which show nothing of what stands between sentences."""
    return passage if passage.source is None else replace(passage, source=None)


def computing_of(predictor: Predictor) -> dict[str, str]:
    """What its figures hang on besides checkpoint and settings."""
    running = predictor.engine
    return {"engine": running.name.name, "device": running.device, "precision": running.precision.precision.name}


def label_part(
    passages: Iterable[Passage],
    predictor: Predictor,
    output: AbstractContextManager[Write],
    seen: Callable[[Iterable[Prediction]], Iterator[Prediction]] = iter,
) -> LabelledPart:
    """Label and write the sentences of one part, as if there were no other.

    Args:
        passages: At least one.
        predictor: Labels them.
        output: Gives the function that writes a prediction.
        seen: The predictions go through it on their way.
    """
    counting, pages, clock = Counting(), list[PageCounts](), predictor.clock
    first: Passage | None = None
    last: Passage | None = None
    predictor.odd_sentences.clear()
    with ExitStack() as stack:
        write = stack.enter_context(output)
        for prediction in seen(with_main_text(predictor.predict(passages))):
            since = time.perf_counter()
            write(prediction)
            counting.add(prediction)
            pages += counting.take_pages()
            clock.add(WRITING, since)
            first, last = first or prediction.passage, prediction.passage
        with clock.measure(WRITING):
            stack.close()
    counting.end_page()
    pages += counting.take_pages()
    counting.tally.odd.update(predictor.odd_sentences)
    return LabelledPart(_id(first), _id(last), counting.tally.as_plain(), pages)


def _id(passage: Passage | None) -> str | None:
    return readable(passage.id) if passage else None
