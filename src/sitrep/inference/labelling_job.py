"""A long prediction in parts, which goes on where it was cut off and ends with the same bytes."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.inference.duplicates import Repeats, marked, repeats_of
from sitrep.inference.folders import JOB_ERRORS, JOB_PAGES
from sitrep.inference.inputs import InputSource
from sitrep.inference.job_folder import ANEW, JobFolder
from sitrep.inference.job_identity import changed_input, described, difference, identity, input_files
from sitrep.inference.job_manifest import Manifest, Part
from sitrep.inference.job_parts import NamedFile, PartReader, Shard
from sitrep.inference.labelled_parts import (
    NOTHING_LABELLED,
    CutPart,
    LabelledPart,
    Loading,
    computing_of,
    label_part,
    part_name,
    without_source,
)
from sitrep.inference.left_out import partly_read, reason_line
from sitrep.inference.meter import Meter
from sitrep.inference.object_job_folder import open_job
from sitrep.inference.outputs import open_part
from sitrep.inference.page_texts import PageTexts
from sitrep.inference.prediction_progress import PredictionProgress
from sitrep.inference.prediction_summary import say_remarks, say_summary
from sitrep.inference.predictor import Predictor
from sitrep.inference.stage_clock import LOADING, READING, WRITING, StageClock
from sitrep.inference.tally import SHOWN_PAGES, PageCounts
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.settings import Cluster, EngineName, OnDuplicates, PartFormat, Precision, PredictSettings
from sitrep.storage.json_lines import json_line

if TYPE_CHECKING:
    from sitrep.inference.ray_parts import RayLabelling


def label_in_parts(settings: PredictSettings, source: InputSource, texts: PageTexts, console: Console) -> None:
    """Do a job in parts, or what is left of it.

    Args:
        settings: Of the job; ``output`` is a folder.
        source: Its input.
        texts: Told by the source of each page of HTML.
        console: For progress and summary.

    Raises:
        PartlyRead: Behind everything else, if pages or rows were left out.
        UserError: For anything wrong with checkpoint, input or folder; the parts that are done stay.
    """
    if source.is_stream:
        raise UserError(f"output={settings.output}: a job in parts goes on where it was cut off, which a pipe cannot")
    if settings.parts is PartFormat.parquet and not is_installed("pyarrow"):
        raise UserError(f"parts=parquet: {not_installed('pyarrow')}, or use parts=jsonl")
    source.check()
    for remark in source.files.remarks() if source.is_folder else ():
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    checkpoint = open_checkpoint(settings.checkpoint)
    shard = Shard.parse(settings.shard)
    if settings.cluster is Cluster.ray and not is_installed("ray"):
        raise not_installed("ray")
    with open_job(settings.output, shard if settings.shard else None) as folder, ExitStack() as stack:
        began = time.perf_counter()
        below = shard.folder if settings.shard else ""  # of the texts, which shards keep apart as their parts
        job = _prepared(settings, source, checkpoint, folder, console, lambda: texts.check_free(below), stack)
        if job.manifest.parts:
            words = "is complete" if job.manifest.complete else "goes on"
            line = f"{folder.shown}: {words}, {len(job.manifest.parts)} parts are done"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if job.predictor:
            with texts.growing(below):
                if isinstance(job.predictor, Predictor):
                    job.do_parts(job.predictor, shard, console)
                else:
                    job.do_parts_on(job.predictor, shard, console)
        job.say(console, time.perf_counter() - began)
        left_out = job.manifest.tally.left_out
        if left_out:
            raise partly_read(left_out, f"{folder.place(JOB_ERRORS)} says why")


def _prepared(
    settings: PredictSettings,
    source: InputSource,
    checkpoint: Checkpoint,
    folder: JobFolder,
    console: Console,
    check_free: Callable[[], None],
    stack: ExitStack,
) -> "_Job":
    """Take up what an earlier run left if it is of this job, or begin; then call ``check_free`` first."""
    files = input_files(source)
    now = identity(settings, checkpoint, files)
    begun = folder.read() if not settings.overwrite else folder.read_or_none()
    if begun:
        changed = difference(begun.identity, now)
        if changed is None and (what := changed_input(folder.input_files(), files)):
            changed = f"its input is not what it was: {what}"
        if changed and not settings.overwrite:
            raise UserError(f"{folder.shown}: {changed}; {ANEW}")
        if settings.overwrite and (changed or begun.complete):
            begun = None
    if begun and begun.complete:
        folder.recover(begun)
        return _Job(settings, source, folder, begun, checkpoint, None)
    folder.check_writable()
    if begun is None:
        check_free()
    clock = StageClock()
    repeats = repeats_of(source, clock, console) if settings.duplicates is OnDuplicates.mark else None
    with clock.measure(LOADING):
        predictor = _labelling(settings, checkpoint, begun, console, stack)
    computing = computing_of(predictor) if isinstance(predictor, Predictor) else predictor.computing
    predictor.clock = clock
    if begun is None:
        divided = "by file" if source.is_folder else "by part"
        begun = Manifest(now, computing, divided, list(checkpoint.labels), repeats.summary() if repeats else None)
        folder.begin(files)
        folder.write(begun)
    elif begun.computing != computing:
        was, is_now = begun.computing["device"], computing["device"]
        raise UserError(f"{folder.shown}: it was begun on {was}, this machine computes on {is_now}; {ANEW}")
    folder.recover(begun)
    return _Job(settings, source, folder, begun, checkpoint, predictor, repeats)


def _labelling(
    settings: PredictSettings, checkpoint: Checkpoint, begun: Manifest | None, console: Console, stack: ExitStack
) -> "Predictor | RayLabelling":
    """What labels: a model in this process, or workers of a cluster, which ``stack`` lets go."""
    engine = EngineName[begun.computing["engine"]] if begun else settings.engine
    precision = Precision[begun.computing["precision"]] if begun else settings.inference.precision
    loading = Loading(settings.calibrated, engine, precision, settings.inference.batch_tokens, settings.speaker)
    if settings.cluster is not Cluster.ray:
        return loading.load(checkpoint)
    from sitrep.inference.ray_parts import RayLabelling  # wants an extra

    return stack.enter_context(RayLabelling.on(settings.ray, checkpoint, loading, console))


@dataclass
class _Job:
    settings: PredictSettings
    source: InputSource
    folder: JobFolder
    manifest: Manifest
    checkpoint: Checkpoint
    predictor: "Predictor | RayLabelling | None"
    """What labels; ``None`` where nothing is left to do."""
    repeats: Repeats | None = None
    """In the whole input; ``None`` where that was not asked for."""

    def do_parts(self, predictor: Predictor, shard: Shard, console: Console) -> None:
        """Do every part of the shard that is left."""
        by_file = self.source.is_folder
        files, number, meter = self._start(shard)
        with PredictionProgress(console, meter) as progress:
            with predictor.clock.measure(READING):
                reader = PartReader(self.source, files, self.manifest.place, progress.pass_over)
            while not reader.ended:
                if shard.has_part(number, by_file):
                    part = self._do(predictor, number, reader, progress)
                    if not console.is_terminal:
                        console.print(f"{part.file}: {progress.words()}", highlight=False, soft_wrap=True)
                else:
                    for _ in reader.part(self.settings.part_sentences, _pass_over):
                        progress.pass_over()
                number += 1
        self._end()

    def _start(self, shard: Shard) -> tuple[list[NamedFile], int, Meter]:
        """The files of the shard, the number of the part that comes next, and a meter that stands there."""
        files, meter = shard.files(list(self.source.named_files()), self.source.is_folder), self.source.meter
        self.source.expect(path for path, _ in files)
        meter.pass_over(path for path, _ in files[: self.manifest.place.file])
        return files, self.manifest.parts[-1].number + 1 if self.manifest.parts else 0, meter

    def _do(self, predictor: Predictor, number: int, reader: PartReader, progress: PredictionProgress) -> Part:
        """Label a part, write it, and note it in the manifest."""
        begin, errors = reader.place, list[str]()
        passages = predictor.clock.each(
            READING, reader.part(self.settings.part_sentences, lambda error: errors.append(reason_line(error)))
        )
        first = next(passages, None)
        name = part_name(number, self.settings.parts) if first else None
        labelled = NOTHING_LABELLED
        self.folder.check_there()
        if first and name:
            waiting = progress.reading(marked(itertools.chain([first], passages), self.repeats))
            opened = open_part(self.folder.path / name, self._first_part(), self.source.column_types)
            labelled = label_part(waiting, predictor, opened, progress.predicted)
        return self._note(CutPart(number, name, begin, reader.place, errors), labelled, predictor.clock)

    def do_parts_on(self, cluster: "RayLabelling", shard: Shard, console: Console) -> None:
        """Do every part of the shard that is left, by workers of a cluster; this process reads and notes them."""
        files, number, meter = self._start(shard)
        with PredictionProgress(console, meter) as progress:
            reader = PartReader(self.source, files, self.manifest.place, progress.pass_over)
            cuts = self._cuts(reader, number, shard, progress)
            types = self.source.column_types() if self.settings.parts is PartFormat.parquet else {}
            for cut, labelled in cluster.label(cuts, self._first_part(), types, self.folder.save):
                for _ in progress.predicted(itertools.repeat(None, cut.count)):  # type: ignore[arg-type]
                    pass
                part = self._note(cut, labelled, StageClock())
                if not console.is_terminal:
                    console.print(f"{part.file}: {progress.words()}", highlight=False, soft_wrap=True)
        self._end()

    def _cuts(self, reader: PartReader, number: int, shard: Shard, progress: PredictionProgress) -> Iterator[CutPart]:
        """The parts that are left, read when they are asked for."""
        while not reader.ended:
            begin = reader.place
            if shard.has_part(number, self.source.is_folder):
                refused = list[UserError]()
                passages = reader.part(self.settings.part_sentences, refused.append)
                read = list(map(without_source, progress.reading(marked(passages, self.repeats))))
                name = part_name(number, self.settings.parts) if read else None
                cut = CutPart(number, name, begin, reader.place, [*map(reason_line, refused)], read, len(read))
                del read  # whoever has the part lets its sentences go, before the next are read
                yield cut
            else:
                for _ in reader.part(self.settings.part_sentences, _pass_over):
                    progress.pass_over()
            number += 1

    def _note(self, cut: CutPart, labelled: LabelledPart, clock: StageClock) -> Part:
        """Write what a part adds to the growing tables, and then its place in the manifest."""
        counts = labelled.counts | {"left_out": len(cut.errors)}
        with clock.measure(WRITING):
            self.folder.check_there()
            sizes = {JOB_ERRORS: self.folder.append(JOB_ERRORS, cut.errors)}
            lines = [json_line(page.as_row(self.manifest.labels)) + "\n" for page in labelled.pages]
            sizes[JOB_PAGES] = self.folder.append(JOB_PAGES, lines)
            part = Part(
                number=cut.number,
                file=cut.file,
                sha256=self.folder.sha256(cut.file) if cut.file else None,
                first=labelled.first,
                last=labelled.last,
                begin=asdict(cut.begin),
                end=asdict(cut.end),
                counts=counts,
                sizes=sizes,
                bytes=(self.folder.path / cut.file).stat().st_size if cut.file else None,
            )
            self.manifest.parts.append(part)
            self.folder.write(self.manifest)
        return part

    def _first_part(self) -> Path | None:
        """The part whose columns the others have."""
        names = (part.file for part in self.manifest.parts if part.file)
        return next((self.folder.path / name for name in names), None)

    def _end(self) -> None:
        """Mark the job complete, if the input is what it was at the beginning and anything could be read."""
        now = input_files(replace(self.source))  # a copy looks at the folder again
        same = described(now) == self.manifest.identity["input"]
        if not same and (what := changed_input(self.folder.input_files(), now)):
            raise UserError(f"{self.folder.shown}: its input was changed while the job ran: {what}; {ANEW}")
        tally = self.manifest.tally
        if tally.left_out and not tally.sentences and not self.settings.shard:
            reason = json.loads(next(self.folder.lines(JOB_ERRORS)))
            first = f"{reason['place']}: {reason['reason']}"
            raise UserError(f"nothing could be read; the first reason of {tally.left_out}: {first}")
        self.manifest.complete = True
        self.folder.write(self.manifest)

    def say(self, console: Console, seconds: float) -> None:
        """The summary, of all parts also where others were done before."""
        pages = list(self._first_pages()) if self.manifest.tally.pages <= SHOWN_PAGES else []
        labels, clock = self.manifest.labels, self.predictor.clock if self.predictor else StageClock()
        promised = self.checkpoint.promised_precision if self.settings.calibrated else None
        say_summary(console, self.manifest.tally, labels, pages, seconds, clock)
        say_remarks(console, self.manifest.tally, promised, self.manifest.duplicates, self.settings.input)
        console.print(f"written to {self.folder.shown}", highlight=False, markup=False, soft_wrap=True)

    def _first_pages(self) -> Iterator[PageCounts]:
        yield from (PageCounts.from_row(json.loads(line)) for line in self.folder.lines(JOB_PAGES))


def _pass_over(error: UserError) -> None:
    """It is told by the shard whose part it is in."""
