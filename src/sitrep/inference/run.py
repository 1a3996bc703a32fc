"""The whole of ``scripts/predict.py``: input, model, output."""

import sys
import time
from pathlib import Path

from rich.console import Console

from sitrep.errors import UserError
from sitrep.inference.duplicates import marked, repeats_of
from sitrep.inference.inputs import InputSource
from sitrep.inference.job_folder import is_job_folder
from sitrep.inference.labelling_job import label_in_parts
from sitrep.inference.left_out import open_left_out
from sitrep.inference.object_input import open_input
from sitrep.inference.outputs import STANDARD_OUTPUT, check_output, open_output
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.page_texts import PageTexts
from sitrep.inference.prediction_progress import PredictionProgress
from sitrep.inference.prediction_summary import say_remarks, say_summary
from sitrep.inference.predictor import Predictor
from sitrep.inference.stage_clock import LOADING, READING, WRITING, StageClock
from sitrep.inference.tally import SHOWN_PAGES, Counting, PageCounts
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import Cluster, OnDuplicates, PredictSettings
from sitrep.storage.object_storage import is_object_url


def predict(settings: PredictSettings) -> None:
    """Label every sentence of the input and write the result.

    Raises:
        PartlyRead: Behind everything else, if pages or rows were left out; the output is complete but for them.
        UserError: For anything else wrong with the checkpoint, the input or the output; then no output file is left,
            but of a job in parts those that are done.
    """
    texts, console = PageTexts(settings.pages_text), Console(stderr=True)
    is_job = is_job_folder(settings.output, settings.clean)
    if not is_job:
        _check_no_job_is_meant(settings)
    with open_input(_source(settings, texts), settings.output) as source:
        if is_job:
            label_in_parts(settings, source, texts, console)
        else:
            _label(settings, source, texts, console)


def _label(settings: PredictSettings, source: InputSource, texts: PageTexts, console: Console) -> None:
    """Label all at once."""
    check_output(settings.output, settings.overwrite, settings.clean)
    source.check()
    checkpoint = open_checkpoint(settings.checkpoint)
    for remark in source.files.remarks() if source.is_folder else ():
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    began, clock = time.perf_counter(), StageClock()
    repeats = repeats_of(source, clock, console) if settings.duplicates is OnDuplicates.mark else None
    with clock.measure(LOADING):
        predictor = Predictor.from_checkpoint(
            checkpoint,
            calibrated=settings.calibrated,
            engine=settings.engine,
            precision=settings.inference.precision,
            batch_tokens=settings.inference.batch_tokens,
            speaker=settings.speaker,
        )
    predictor.clock = clock
    counting, pages = Counting(), list[PageCounts]()
    if not source.is_stream:
        source.expect(path for path, _ in source.named_files())
    with (
        texts,
        open_left_out(settings.output) as left_out,
        open_output(
            settings.output, settings.overwrite, checkpoint.taxonomy, settings.clean, source.column_types
        ) as write,
        PredictionProgress(console, source.meter) as progress,
    ):
        passages = progress.reading(clock.each(READING, marked(source.passages(left_out), repeats)))
        for prediction in progress.predicted(with_main_text(predictor.predict(passages))):
            since = time.perf_counter()
            write(prediction)
            clock.add(WRITING, since)
            counting.add(prediction)
            if ended := counting.take_pages():
                pages = pages[:SHOWN_PAGES] + ended
        if not counting.tally.sentences and left_out.first:
            raise UserError(f"nothing could be read; the first reason of {left_out.count}: {left_out.first}")
    counting.end_page()
    pages += counting.take_pages()
    tally = counting.tally
    tally.odd.update(predictor.odd_sentences)
    if settings.output != STANDARD_OUTPUT or sys.stderr.isatty():
        listed = pages if len(pages) <= SHOWN_PAGES else []
        say_summary(console, tally, checkpoint.labels, listed, time.perf_counter() - began, clock)
    promised = checkpoint.promised_precision if settings.calibrated else None
    say_remarks(console, tally, promised, repeats.summary() if repeats else None, settings.input)
    if settings.output != STANDARD_OUTPUT:
        console.print(f"written to {settings.output}", highlight=False, markup=False, soft_wrap=True)
    left_out.raise_if_any()


def _check_no_job_is_meant(settings: PredictSettings) -> None:
    """Refuse what only a job in parts can do."""
    end = f"end output={settings.output} with /"
    if is_object_url(settings.output):
        what = "only the parts of a job, which are tables, are written to object storage"
        raise UserError(f"output={settings.output}: {what}; end it with / behind a name without ending")
    if settings.shard:
        raise UserError(f"shard={settings.shard}: only a job in parts is divided; {end}")
    if settings.cluster is not Cluster.none:
        raise UserError(f"cluster={settings.cluster.name}: only a job in parts is spread over machines; {end}")


def _source(settings: PredictSettings, texts: PageTexts) -> InputSource:
    return InputSource(
        settings.input,
        settings.format,
        settings.unit,
        settings.text_field,
        output=None if settings.output == STANDARD_OUTPUT or is_object_url(settings.output) else Path(settings.output),
        strict=settings.strict,
        html_field=settings.html_field,
        join_lines=settings.join_lines,
        keep_text=texts.keep,
        pages_text=Path(settings.pages_text) if settings.pages_text else None,
    )
