"""Jobs that read and write object storage, by a server that speaks its protocol."""

import gzip
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pyarrow
import pytest
from conftest import PHRASES, write_jsonl
from object_server import KEY, SECRET, object_server
from pyarrow import fs, parquet

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.inference.inputs import InputSource
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.object_input import open_input
from sitrep.inference.object_job_folder import ObjectJobFolder
from sitrep.inference.run import predict
from sitrep.settings import PredictSettings
from sitrep.settings.rules import OBJECT_SCHEMES
from sitrep.storage import object_storage, spool
from sitrep.storage.cache import cache_folder
from sitrep.storage.object_storage import FILE_SYSTEMS, ObjectPrefix, is_object_url
from sitrep.storage.scratch import scratch_folder
from sitrep.storage.spool import Spool

PAGES = b"s3://bucket/pages"
LINES = [phrase.capitalize() + "." for phrases in PHRASES.values() for phrase in phrases]


@pytest.fixture(scope="module")
def server():
    with object_server() as running:
        yield running


@pytest.fixture
def bucket(server, monkeypatch):
    server.post("reset")
    server.client.create_bucket(Bucket="bucket")
    for name, value in {
        "AWS_ENDPOINT_URL": server.address,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def run(run_directory):
    def call(source, output, *more):
        given = [f"checkpoint={run_directory}", f"input={source}", f"output={output}", "inference.precision=fp32"]
        given += ["part_sentences=10", *more]
        try:
            predict(compose_settings("predict", PredictSettings, given))
        except PartlyRead as error:
            return str(error)
        return ""

    return call


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Pages of each kind, one of which cannot be read, and rows; the name is as long as that of their prefix."""
    monkeypatch.chdir(tmp_path)
    folder = Path("pages-on-the-disk")
    (folder / "more" / "deep").mkdir(parents=True)
    for number in range(4):
        text = "\n".join(LINES[number : number + 3 + number % 3]) + "\n"
        (folder / f"{number:02d}.txt").write_text(text, encoding="utf-8")
        html = "".join(f"<p>{line}</p>" for line in LINES[number : number + 4]).encode()
        (folder / "more" / f"{number}.html").write_bytes(html)
        (folder / "more" / "deep" / f"{number}.html.gz").write_bytes(gzip.compress(html, mtime=0))
    (folder / "05.txt").write_bytes(b"\xff")
    (folder / "rows.csv").write_text("text,day\n" + "".join(f'"{line}",3\n' for line in LINES), encoding="utf-8")
    write_jsonl(folder / "rows.jsonl", [{"text": line} for line in LINES])
    typed = pyarrow.table({"text": LINES[:5], "count": pyarrow.array([None, 2, 3, 4, 5], pyarrow.int8())})
    parquet.write_table(typed, folder / "00-typed.parquet")
    (folder / "a.warc").write_bytes(warc(LINES[:5]))
    return folder


def warc(lines):
    page = "".join(f"<p>{line}</p>" for line in lines)
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{page}"
    head = "WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n"
    head += f"WARC-Target-URI: https://wire.example/\r\nContent-Length: {len(answer)}\r\n\r\n"
    return f"{head}{answer}\r\n\r\n".encode()


def upload(server, folder, prefix="pages/"):
    """Copy a folder, and give its files the times of the objects."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = prefix + path.relative_to(folder).as_posix()
            server.put(key, path.read_bytes())
            os.utime(path, (server.modified(key),) * 2)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_places_of(found, folder):
    """What a job in the bucket says where the one on the disk names a file."""
    return {
        name: content.replace(str(folder).encode(), PAGES) if name.endswith("errors.jsonl") else content
        for name, content in found.items()
    }


def stop_behind(monkeypatch, parts):
    """End the job when the next part has been sent and its manifest has not."""
    put = ObjectPrefix.put

    def stopping(self, name, source):
        if name == "manifest.json" and len(json.loads(source.read_text(encoding="utf-8"))["parts"]) > parts:
            raise KeyboardInterrupt
        put(self, name, source)

    monkeypatch.setattr(ObjectPrefix, "put", stopping)


def nothing_is_left_on_the_disk():
    return not [*(cache_folder() / "scratch").glob("*")]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_job_in_a_bucket_ends_with_the_bytes_of_one_on_a_disk_however_often_it_is_cut_off(
    bucket, run, pages, tmp_path, monkeypatch, form
):
    upload(bucket, pages)
    told = run(pages, f"{tmp_path}/job/", f"parts={form}")
    assert "1 page or row was left out" in told
    for done in (0, 3):
        with monkeypatch.context() as patched:
            stop_behind(patched, done)
            with pytest.raises(KeyboardInterrupt):
                run("s3://bucket/pages/", "s3://bucket/labels/", f"parts={form}")
        assert nothing_is_left_on_the_disk()
        held = bucket.contents("labels/")
        assert len(json.loads(held["manifest.json"])["parts"]) == done
        assert f"part-{done:05d}.{form}" in held  # sent, and done again
    assert any(name.startswith(".growing/pages.jsonl/") for name in held)
    assert "pages.jsonl" not in held
    told_of_bucket = run("s3://bucket/pages", "s3://bucket/labels/", f"parts={form}")
    assert told_of_bucket == told.replace(f"{tmp_path}/job", "s3://bucket/labels")
    done = bucket.contents("labels/")
    assert done == with_places_of(contents(tmp_path / "job"), pages)
    assert len(json.loads(done["manifest.json"])["parts"]) > 5
    assert nothing_is_left_on_the_disk()

    def load(self, checkpoint):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(Loading, "load", load)
    assert run("s3://bucket/pages/", "s3://bucket/labels/", f"parts={form}") == told_of_bucket
    assert bucket.contents("labels/") == done


@pytest.mark.slow
def test_one_object_and_shards_are_read_and_written_as_on_a_disk(bucket, run, pages, tmp_path):
    upload(bucket, pages)
    for source, where in (("rows.jsonl", "one"), ("more/0.html", "page")):
        run(pages / source, f"{tmp_path}/{where}/", "parts=jsonl")
        run(f"s3://bucket/pages/{source}", f"s3://bucket/{where}/", "parts=jsonl")
        assert bucket.contents(f"{where}/") == contents(tmp_path / where)
    run(pages, f"{tmp_path}/shards/", "shard=2/3", "parts=jsonl", "part_sentences=100")
    run("s3://bucket/pages/", "s3://bucket/shards/", "shard=2/3", "parts=jsonl", "part_sentences=100")
    assert bucket.contents("shards/") == with_places_of(contents(tmp_path / "shards"), pages)
    with pytest.raises(UserError, match=r"holds shard-2-of-3; name another folder for a job without shards"):
        run("s3://bucket/pages/", "s3://bucket/shards/")


@pytest.mark.slow
def test_bucket_is_read_into_a_file_and_what_holds_predictions_is_passed_over(bucket, run, tmp_path, capsys):
    rows = [{"text": line} for line in LINES]
    bucket.put("in/rows.jsonl", write_jsonl(tmp_path / "rows.jsonl", rows).read_bytes())
    run("s3://bucket/in/", tmp_path / "out.jsonl")
    first = (tmp_path / "out.jsonl").read_bytes()
    assert len(first.splitlines()) == len(LINES)
    bucket.put("in/told.jsonl", first)
    run("s3://bucket/in/", "s3://bucket/in/labels/", "parts=jsonl", "part_sentences=1000")
    assert "s3://bucket/in/told.jsonl holds predictions: not read" in capsys.readouterr().err
    assert bucket.contents("in/labels/")["part-00000.jsonl"] == first
    run("s3://bucket/in/", "s3://bucket/in/labels/", "parts=jsonl", "part_sentences=1000")  # its own output is no input


@pytest.mark.slow
@pytest.mark.parametrize("change", ["changed", "gone", "new", "part", "table"])
def test_job_whose_objects_changed_is_not_gone_on_with(bucket, run, tmp_path, monkeypatch, change):
    for number in range(8):
        bucket.put(f"pages/{number}.txt", "\n".join(LINES[number : number + 5]).encode())
    with monkeypatch.context() as patched:
        stop_behind(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            run("s3://bucket/pages/", "s3://bucket/labels/")
    match change:
        case "changed":
            bucket.put("pages/3.txt", b"Another text.")
        case "gone":
            bucket.client.delete_object(Bucket="bucket", Key="pages/3.txt")
        case "new":
            bucket.put("pages/3b.txt", b"Another text.")
        case "part":
            bucket.put("labels/part-00001.parquet", b"short")
        case "table":
            bucket.client.delete_object(Bucket="bucket", Key=f"labels/.growing/pages.jsonl/{0:015d}")
    what = {
        "changed": r"labels: its input is not what it was: 3\.txt was changed; name another folder",
        "gone": r"labels: its input is not what it was: 3\.txt is gone",
        "new": r"labels: its input is not what it was: 3b\.txt is new",
        "part": r"s3://bucket/labels/part-00001\.parquet: is gone, or not what manifest\.json says; restore it",
        "table": r"s3://bucket/labels/pages\.jsonl: is gone, or not what",
    }
    before = bucket.contents("labels/")
    with pytest.raises(UserError, match=what[change]) as caught:
        run("s3://bucket/pages/", "s3://bucket/labels/")
    assert "\n" not in str(caught.value)
    assert bucket.contents("labels/") == before
    if change == "changed":
        run("s3://bucket/pages/", "s3://bucket/labels/", "overwrite=true")
        run("s3://bucket/pages/", "s3://bucket/fresh/")
        assert bucket.contents("labels/") == bucket.contents("fresh/")


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("s3://nobucket/pages/", "{disk}/job/", r"^s3://nobucket/pages/: there is no such bucket$"),
        ("s3://nobucket", "{disk}/job/", r"^s3://nobucket: there is no such bucket$"),
        ("s3://bucket/none/", "{disk}/job/", r"^s3://bucket/none/: there is no such object, and none below it$"),
        ("s3://bucket/odd/", "{disk}/job/", r"^input=s3://bucket/odd/: holds none of \.txt"),
        ("s3://bucket/odd/a.pdf", "{disk}/job/", r"^input=s3://bucket/odd/a\.pdf: cannot tell what \.pdf holds; save"),
        ("s3://bucket/in/", "s3://nobucket/labels/", r"^s3://nobucket/labels: there is no such bucket$"),
        ("s3://bucket/in/", "s3://bucket/odd/", r"^s3://bucket/odd: holds a\.pdf, which is of no job in parts"),
        ("s3://bucket/in/", "s3://bucket/labels", r"only the parts of a job, .*; end it with / behind a name"),
        ("s3://bucket/in/", "s3://bucket/labels.html/", r"only the parts of a job, which are tables, are written"),
    ],
)
def test_what_cannot_be_read_or_written_is_told_before_the_work(
    bucket, run, tmp_path, monkeypatch, source, output, message
):
    bucket.put("in/a.txt", b"The town lies on a river.")
    bucket.put("odd/a.pdf", b"%PDF")
    monkeypatch.setattr(Loading, "load", None)
    with pytest.raises(UserError, match=message):
        run(source, output.format(disk=tmp_path))
    assert nothing_is_left_on_the_disk()


def test_bucket_that_may_only_be_read_is_told_before_the_work(bucket, run, monkeypatch):
    bucket.put("in/a.txt", b"The town lies on a river.")
    monkeypatch.setattr(Loading, "load", None)
    denied = r"^s3://bucket/labels/\.probe: access is denied; credentials come from the environment"
    with bucket.reader_only(monkeypatch), pytest.raises(UserError, match=denied):
        run("s3://bucket/in/", "s3://bucket/labels/")


def test_no_credentials_are_told_and_none_stands_in_an_error(bucket, run, tmp_path, monkeypatch):
    bucket.put("in/a.txt", b"The town lies on a river.")
    bucket.post("reset-auth", b"0")
    try:
        with pytest.raises(UserError, match=r"^s3://bucket/in/?: access is denied; credentials come") as caught:
            run("s3://bucket/in/", f"{tmp_path}/job/")
    finally:
        bucket.post("reset-auth", b"Infinity")
    assert KEY not in str(caught.value)
    assert object_storage._reason(f"odd {KEY}\nand {SECRET}") == "odd … and …"


def test_words_in_the_names_of_objects_are_no_reason(bucket, tmp_path, monkeypatch):
    (tmp_path / "part").write_text("a")
    denied = r"^s3://bucket/it's unavailable/token: access is denied;"
    with bucket.reader_only(monkeypatch), pytest.raises(UserError, match=denied):
        ObjectPrefix("s3://bucket/it's unavailable").put("token", tmp_path / "part")


def test_scheme_that_pyarrow_was_built_without_is_one_line(monkeypatch):
    def open_bucket(bucket):
        raise ImportError("The pyarrow installation is not built with support for 'GcsFileSystem'")

    monkeypatch.setitem(FILE_SYSTEMS, "gs", open_bucket)
    with pytest.raises(UserError, match=r"^gs://bucket/in: this PyArrow was built without gs://"):
        ObjectPrefix("gs://bucket/in/")


def test_objects_that_no_file_could_be_called_as_are_told_and_not_read(bucket):
    for key in ("pages/a/b.txt", "pages/a//b.txt", "pages/c.txt", "pages/./c.txt", "pages//d.txt", "pages/../e.txt"):
        bucket.put(key, key.encode())
    with open_input(InputSource("s3://bucket/pages/"), "-") as source:
        source.check()
        assert [passage.text for passage in source.passages()] == ["pages/a/b.txt", "pages/c.txt"]
        assert source.files.remarks()[0].startswith("4 files, ")


def test_manifest_that_is_no_json_is_told_with_its_url(bucket, run):
    bucket.put("in/a.txt", b"The town lies on a river.")
    bucket.put("labels/manifest.json", b"{")
    with pytest.raises(UserError, match=r"^s3://bucket/labels/manifest\.json: not valid JSON: .*overwrite=true begins"):
        run("s3://bucket/in/", "s3://bucket/labels/")


def test_storage_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(object_storage, "TRIES", 1)
    with pytest.raises(UserError, match=r"^s3://bucket/in: the storage does not answer; is there a network"):
        ObjectPrefix.find("s3://bucket/in")


def test_object_that_is_lost_or_grows_while_the_job_runs_ends_it(bucket, run, tmp_path, monkeypatch):
    bucket.put("in/a.txt", b"The town lies on a river.")
    prefix, _ = ObjectPrefix.find("s3://bucket/in/")
    [found] = prefix.objects()
    with Spool.of(prefix) as held:
        bucket.put("in/a.txt", b"The town lies on a river. Prices rose.")
        with pytest.raises(UserError, match=r"^s3://bucket/in/a\.txt: was changed while the job ran$"):
            held.file(found)
        bucket.client.delete_object(Bucket="bucket", Key="in/a.txt")
        with pytest.raises(UserError, match=r"^s3://bucket/in/a\.txt: there is no such object$"):
            held.file(found)


def test_spool_fetches_ahead_within_its_bounds_and_keeps_nothing_behind(bucket, monkeypatch):
    monkeypatch.setattr(spool, "AHEAD_BYTES", 300)
    monkeypatch.setattr(object_storage, "CHUNK", 64)
    for number in range(9):
        bucket.put(f"in/{number}.txt", bytes([number]) * 100)
    prefix, _ = ObjectPrefix.find("s3://bucket/in/")
    found = prefix.objects()
    with Spool.of(prefix) as held:
        held.plan(found)
        for number, each in enumerate(found):
            path = held.file(each)
            assert path.read_bytes() == bytes([number]) * 100
            names = sorted(file.name for file in path.parent.iterdir())
            assert {name[9:] for name in names} <= {f"{near}.txt" for near in range(number, number + 4)}
            assert held.file(each) == path  # it is not fetched twice
    assert nothing_is_left_on_the_disk()


def test_second_process_that_writes_the_manifest_is_noticed(bucket, tmp_path):
    prefix = ObjectPrefix("s3://bucket/labels/")
    folder = ObjectJobFolder(tmp_path, os.open(tmp_path, os.O_RDONLY), prefix, None)
    folder._check_alone()
    bucket.put("labels/manifest.json", b"{}")
    with pytest.raises(UserError, match=r"labels/manifest\.json: another process writes it too"):
        folder._check_alone()


def test_output_has_one_writer_on_a_machine():
    with scratch_folder("output-a", "s3://bucket/labels"):
        with (
            pytest.raises(UserError, match=r"^s3://bucket/labels: another process works in it"),
            scratch_folder("output-a", "s3://bucket/labels"),
        ):
            pass
        with scratch_folder("other", "s3://bucket/other") as (path, _):
            (path.parent / "killed").mkdir()
            (path.parent / "killed" / "part").write_text("half a")
            with scratch_folder("third", "s3://bucket/third"):
                assert not (path.parent / "killed").exists()
            assert path.exists()
    assert nothing_is_left_on_the_disk()


def test_folder_that_another_process_is_removing_is_waited_for(monkeypatch):
    with scratch_folder("output-a", "s3://bucket/labels") as (path, _):
        pass
    path.mkdir()
    remove, removing = shutil.rmtree, Event()

    def slowly(folder, **options):
        removing.set()
        time.sleep(0.2)
        remove(folder, **options)

    def sweep():
        with scratch_folder("output-b", "s3://bucket/others"):
            pass

    monkeypatch.setattr("sitrep.storage.scratch.shutil.rmtree", slowly)
    with ThreadPoolExecutor(1) as other:
        swept = other.submit(sweep)
        assert removing.wait(10)
        with scratch_folder("output-a", "s3://bucket/labels") as (again, _):
            assert again.is_dir()
        swept.result()


def test_what_a_killed_process_left_counts_for_nothing():
    with scratch_folder("output-a", "s3://bucket/labels") as (path, _):
        pass
    (path / "deep").mkdir(parents=True)
    (path / "manifest.json").write_text("{}")
    with scratch_folder("output-a", "s3://bucket/labels") as (again, _):
        assert again == path
        assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("input=s3://key:hidden@bucket/pages/", r"^input=s3://…: name the bucket alone; credentials come from"),
        ("input=s3://key:with/slash/hidden@bucket/pages/", r"^input=s3://…: name the bucket alone"),
        ("output=s3://bucket/labels/?secret_key=hidden", r"^output=s3://…: name the bucket alone"),
        ("output=s3:///labels/", r"name a bucket"),
    ],
)
def test_urls_name_a_bucket_and_no_credentials(setting, message):
    with pytest.raises(UsageError, match=message) as caught:
        compose_settings("predict", PredictSettings, ["input=x", setting])
    assert "hidden" not in str(caught.value)


def test_google_cloud_storage_is_taken_by_its_scheme(monkeypatch):
    opened = []
    monkeypatch.setitem(FILE_SYSTEMS, "gs", lambda bucket: opened.append(bucket) or object())
    prefix = ObjectPrefix("GS://pages-of-2026/news/")
    assert opened == ["pages-of-2026"]
    assert prefix.place("a.html") == "gs://pages-of-2026/news/a.html"
    monkeypatch.undo()
    assert type(FILE_SYSTEMS["gs"]("bucket")).__name__ == "GcsFileSystem"
    assert all(map(is_object_url, ("gs://a/b", "S3://a")))
    assert not any(map(is_object_url, ("s3:/a", "file:///a", "-", "s3")))
    assert set(OBJECT_SCHEMES) == set(FILE_SYSTEMS)


def test_a_prefix_that_is_not_there_is_empty_also_where_the_storage_calls_that_another_error():
    class AsGoogles:
        """Answers as PyArrow's file system of Google's storage does."""

        def get_file_info(self, asked):
            if isinstance(asked, fs.FileSelector):
                raise OSError(f"No such file or directory '{asked.base_dir}'")
            return fs.FileInfo(asked, type=fs.FileType.NotFound)

        def delete_dir(self, path):
            raise OSError(f"No such directory: {path}")

    prefix = ObjectPrefix("gs://bucket/labels/", AsGoogles())
    assert prefix.entries() == prefix.objects() == []
    prefix.remove_below("texts")
