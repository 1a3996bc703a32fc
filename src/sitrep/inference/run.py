"""The whole of ``scripts/predict.py``: input, model, output."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sitrep.errors import UserError
from sitrep.inference.inputs import InputSource
from sitrep.inference.left_out import open_left_out
from sitrep.inference.outputs import STANDARD_OUTPUT, check_output, open_output
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.page_texts import PageTexts
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.sentences import Prediction
from sitrep.settings import PredictSettings


def predict(settings: PredictSettings) -> None:
    """Label every sentence of the input and write the result.

    Raises:
        PartlyRead: Behind everything else, if pages or rows were left out; the output is complete but for them.
        UserError: For anything else wrong with the checkpoint, the input or the output; then no output file is left.
    """
    output = None if settings.output == STANDARD_OUTPUT else Path(settings.output)
    texts = PageTexts(settings.pages_text)
    source = InputSource(
        settings.input,
        settings.format,
        settings.unit,
        settings.text_field,
        output,
        settings.on_error,
        settings.html_field,
        texts.keep,
    )
    check_output(settings.output, settings.overwrite)
    source.check()
    checkpoint = open_checkpoint(settings.checkpoint)
    console = Console(stderr=True)
    for remark in source.files.remarks() if source.is_folder else ():
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    predictor = Predictor.from_checkpoint(
        checkpoint,
        calibrated=settings.calibrated,
        precision=settings.inference.precision,
        batch_tokens=settings.inference.batch_tokens,
    )
    counts: Counter[str] = Counter()
    truncated = review = 0
    began = time.perf_counter()
    with (
        texts,
        open_left_out(settings.output) as left_out,
        open_output(settings.output, settings.overwrite) as write,
    ):
        for prediction in _shown(with_main_text(predictor.predict(source.passages(left_out))), console):
            write(prediction)
            counts[prediction.label] += 1
            truncated += prediction.truncated
            review += prediction.decision == "review"
        if not counts and left_out.first:
            raise UserError(f"nothing could be read; the first reason of {left_out.count}: {left_out.first}")
    if settings.output != STANDARD_OUTPUT or sys.stderr.isatty():
        seconds = time.perf_counter() - began
        console.print(summary(counts, checkpoint.labels, review, truncated, seconds), highlight=False, soft_wrap=True)
        if settings.output != STANDARD_OUTPUT:
            console.print(f"written to {settings.output}", highlight=False, soft_wrap=True)
    if predictor.odd_sentences:
        decided = bool(predictor.acceptance_thresholds)
        console.print(unreadable(predictor.odd_sentences, counts.total(), decided), highlight=False, soft_wrap=True)
    left_out.raise_if_any()


def summary(counts: Counter[str], labels: tuple[str, ...], review: int, truncated: int, seconds: float) -> str:
    """One line: sentences, time, how many got each label, how many to check by hand, how many were cut."""
    each = ", ".join(f"{counts[label]} {label}" for label in labels)
    each += f"; {review} to review" if review else ""
    cut = f"; {truncated} were too long and read in part" if truncated else ""
    return f"{counts.total()} sentences in {seconds:.1f} s: {each}{cut}"


def unreadable(odd: Counter[str], sentences: int, decided: bool) -> str:
    """One line: how many sentences the model cannot read, of which kinds, and what became of them."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in odd.most_common())
    outcome = "they are marked review" if decided else "their labels say little"
    what = "are in another script or language, or damaged"
    return f"{odd.total()} of {sentences} sentences {what} ({kinds}); sitrep reads English: {outcome}"


def _shown(predictions: Iterable[Prediction], console: Console) -> Iterator[Prediction]:
    """Pass predictions on while a counter runs on a terminal; a stream has no known end, so there is no bar."""
    columns = (SpinnerColumn(), TextColumn("{task.completed} sentences"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("predict", total=None)
        for prediction in predictions:
            progress.advance(task)
            yield prediction
