"""How far a prediction is: in archives, in the first look at the input, and behind what is done."""

import gzip
import io
import random
import tarfile
import zipfile

import pytest
from rich.console import Console

from sitrep.inference import prediction_progress
from sitrep.inference.duplicates import repeats_of
from sitrep.inference.inputs import InputSource
from sitrep.inference.meter import Meter
from sitrep.inference.prediction_progress import PredictionProgress
from sitrep.inference.stage_clock import StageClock
from sitrep.sentences import Passage

SENTENCE = Passage("a:0", "a", 0, 0, 1, "x")


def page(number):
    words = random.Random(number).choices("abcdefgh", k=600)  # cannot be packed to nothing
    return f"<!doctype html><title>{number}</title><p>{' '.join(words)}</p>".encode()


def write_archive(path, pages):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, content in enumerate(pages):
                archive.writestr(f"{number}.html", content)
    elif path.suffix == ".tgz":
        with tarfile.open(path, "w:gz") as archive:
            for number, content in enumerate(pages):
                member = tarfile.TarInfo(f"{number}.html")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        with path.open("wb") as file:
            for content in pages:
                answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + content
                head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: https://wire.example/\r\n"
                head += "Content-Type: application/http; msgtype=response\r\n"
                record = f"{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer + b"\r\n\r\n"
                file.write(gzip.compress(record) if path.suffix == ".gz" else record)
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.warc", "a.warc.gz"])
def test_share_of_an_archive_grows_with_each_page_of_it(tmp_path, name):
    source = InputSource(str(write_archive(tmp_path / name, map(page, range(400)))))
    source.meter.expect(path for path, _ in source.named_files())
    shares = [source.meter.read / source.meter.total for _ in source.passages()]
    assert shares == sorted(shares)
    assert len(set(shares)) > 8  # as often as a block is read
    assert shares[len(shares) // 2] == pytest.approx(0.5, abs=0.2)
    assert source.meter.read == source.meter.total


def test_first_look_for_duplicates_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_progress, "SECONDS_BETWEEN", -1)
    (tmp_path / "rows.jsonl").write_text('{"text": "Shells hit the bridge."}\n' * 50)
    source, terminal = InputSource(str(tmp_path / "rows.jsonl")), io.StringIO()
    source.meter.expect([source.path])
    progress = PredictionProgress(Console(file=io.StringIO()), source.meter)
    said = [progress.words() for _ in progress.looking(source.passages())]
    assert said[24].startswith("looking for duplicates: 50% done, 25 sentences, ")
    assert progress.words() == "comparing 50 sentences"
    repeats_of(source, StageClock(), Console(file=terminal, force_terminal=True, width=120))
    assert "comparing 50 sentences" in terminal.getvalue()
    log = io.StringIO()
    repeats_of(source, StageClock(), Console(file=log, width=40))
    assert log.getvalue().startswith("looked at 50 sentences for duplicates in ")
    assert len(log.getvalue().splitlines()) == 1


def test_what_was_done_before_counts_as_done_and_not_for_the_time_left(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(prediction_progress.time, "perf_counter", lambda: now[0])
    (tmp_path / "a").write_bytes(bytes(100))
    meter = Meter()
    meter.expect([tmp_path / "a"])
    progress = PredictionProgress(Console(file=io.StringIO()), meter)
    now[0], _ = 5.0, meter.add(80)
    progress.pass_over()
    assert progress.words().startswith("reading over what is done, or is of other shards: 80% done")
    meter.add(10)
    now[0] = 25.0
    assert [*progress.predicted(progress.reading([SENTENCE]))] == [SENTENCE]
    assert progress.words() == "90% done, 1 sentences, 0 a second, 20 s left"


def test_tar_archive_is_read_without_remembering_its_members(tmp_path, monkeypatch):
    opened = []
    opening = tarfile.open
    monkeypatch.setattr(tarfile, "open", lambda *rest, **named: opened.append(opening(*rest, **named)) or opened[-1])
    path = write_archive(tmp_path / "a.tgz", map(page, range(50)))
    held = [len(opened[-1].members) for _ in InputSource(str(path)).passages()]
    assert len(held) == 50
    assert max(held) <= 1
