"""The whole of ``scripts/predict.py``: input, model, output."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sitrep.errors import UserError
from sitrep.inference.duplicates import Repeats, find_repeats
from sitrep.inference.inputs import InputSource
from sitrep.inference.left_out import open_left_out
from sitrep.inference.outputs import STANDARD_OUTPUT, check_output, open_output
from sitrep.inference.page_texts import PageTexts
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.sentences import UNFAMILIAR_VOCABULARY, Passage, Prediction
from sitrep.settings import OnDuplicates, PredictSettings


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
        settings.join_lines,
    )
    check_output(settings.output, settings.overwrite, settings.clean)
    source.check()
    repeats = _repeats(source) if settings.duplicates is OnDuplicates.mark else None
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
    unfamiliar = UnfamiliarPages()
    truncated = review = 0
    began = time.perf_counter()
    opened = open_output(settings.output, settings.overwrite, checkpoint.taxonomy, settings.clean)
    with texts, open_left_out(settings.output) as left_out, opened as write:
        for prediction in _shown(predictor.predict(_marked(source.passages(left_out), repeats)), console):
            write(prediction)
            counts[prediction.label] += 1
            truncated += prediction.truncated
            review += prediction.decision == "review"
            unfamiliar.add(prediction)
        if not counts and left_out.first:
            raise UserError(f"nothing could be read; the first reason of {left_out.count}: {left_out.first}")
    if settings.output != STANDARD_OUTPUT or sys.stderr.isatty():
        seconds = time.perf_counter() - began
        console.print(summary(counts, checkpoint.labels, review, truncated, seconds), highlight=False, soft_wrap=True)
        if settings.output != STANDARD_OUTPUT:
            console.print(f"written to {settings.output}", highlight=False, soft_wrap=True)
    if repeats:
        console.print(repeats.summary(), highlight=False, soft_wrap=True)
    decided = bool(predictor.acceptance_thresholds)
    if predictor.odd_sentences:
        console.print(unreadable(predictor.odd_sentences, counts.total(), decided), highlight=False, soft_wrap=True)
    if unfamiliar.sentences:
        console.print(unfamiliar.remark(counts.total(), decided), highlight=False, soft_wrap=True)
    left_out.raise_if_any()


class UnfamiliarPages:
    """Counts what is in words that the training data hardly has, one prediction at a time."""

    def __init__(self) -> None:
        self.sentences = self.pages = 0
        self._last: str | None = None

    def add(self, prediction: Prediction) -> None:
        """Count a prediction; those of a page come together."""
        if prediction.unfamiliar != UNFAMILIAR_VOCABULARY:
            return
        self.sentences += 1
        self.pages += prediction.passage.article_id != self._last
        self._last = prediction.passage.article_id

    def remark(self, sentences: int, decided: bool) -> str:
        """One line: how many there are of so many sentences, what became of them, and what to do."""
        pages = "1 page" if self.pages == 1 else f"{self.pages} pages"
        outcome = "they are marked review" if decided else "their labels are less sure than they look"
        return (
            f"{self.sentences} of {sentences} sentences stand on {pages} unlike the training data, by "
            f"{'its' if self.pages == 1 else 'their'} words (unfamiliar={UNFAMILIAR_VOCABULARY}): {outcome}; "
            "if such pages matter, label some and train with them"
        )


def _repeats(source: InputSource) -> Repeats:
    """What repeats in the input, for which it is read once more than for its labels: who is first knows no second."""
    if source.is_stream:
        raise UserError("duplicates=mark: reads the input twice, which a pipe does not allow; save it as a file first")
    return find_repeats(source.passages(lambda error: None))


def _marked(passages: Iterable[Passage], repeats: Repeats | None) -> Iterator[Passage]:
    for passage in passages:
        yield replace(passage, fields={**passage.fields, **repeats.fields(passage)}) if repeats else passage


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
