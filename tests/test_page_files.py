import gzip
import io
import json
import sys
import tarfile
import zipfile
import zlib
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import PurePosixPath

import brotli
import pyarrow
import pytest
from conftest import write_jsonl
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from sitrep import Predictor, read_html
from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.inference import archives, page_files
from sitrep.inference.folders import find_files
from sitrep.inference.inputs import InputSource
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.outputs import open_output
from sitrep.inference.page_texts import file_name
from sitrep.inference.run import predict
from sitrep.sentences import Prediction
from sitrep.settings import InputFormat, PredictSettings

PAGE = b"<!doctype html><title>Strike</title><h1>Strike</h1><p>Four died. Two were hurt.</p>"
SAID = ["Strike", "Four died.", "Two were hurt."]


def passages(source, refuse=None, **settings):
    if refuse is not None:
        return list(InputSource(str(source), **settings).passages(lambda error: refuse.append(str(error))))
    return list(InputSource(str(source), **settings).passages())


def said(source, refuse=None, **settings):
    return [passage.text for passage in passages(source, refuse, **settings)]


def mhtml():
    message = MIMEMultipart("related")
    message["Snapshot-Content-Location"] = "https://wire.example/a"
    part = MIMEText(PAGE.decode(), "html", "utf-8")
    message.attach(part)
    message.attach(MIMEText("<p>an advert</p>", "html"))
    return message.as_bytes()


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return file.getvalue()


def warc(pages, compressed=True, header=""):
    """A WARC file, and where each record begins; ``header`` is one more of each answer."""
    file, starts = b"", []
    for number, (status, kind, content) in enumerate(pages):
        starts.append(len(file))
        answer = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{header}\r\n".encode() + content
        head = "WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n"
        head += f"WARC-Target-URI: https://wire.example/{number}\r\nContent-Length: {len(answer)}\r\n\r\n"
        record = head.encode() + answer + b"\r\n\r\n"
        file += gzip.compress(record) if compressed else record
    return file, starts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", PAGE),
        ("a.HTM", PAGE),
        ("a.xhtml", b'<?xml version="1.0"?>' + PAGE),
        ("a.html.gz", gzip.compress(PAGE)),
        ("a.html", gzip.compress(PAGE)),  # as some servers send it and some scrapers save it
        ("a.mhtml", mhtml()),
        ("a.zip", zipped({"pages/b.html": PAGE, "pages/b.png": b"\x89PNG", "__MACOSX/pages/._b.html": b"\0"})),
        ("a.tar.gz", tarred({"pages/b.html": PAGE, "style.css": b"p {}"})),
        ("a.tgz", tarred({"b.html.gz": gzip.compress(PAGE)})),
        ("a.warc.gz", warc([("200 OK", "text/html", PAGE), ("200 OK", "image/png", b"\x89PNG")])[0]),
        ("a.warc", warc([("404 Not Found", "text/html", b"<p>gone"), ("200 OK", "text/html", PAGE)], False)[0]),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # those of archives hold the time
)
def test_page_is_read_from_every_kind_of_file_alone_and_in_a_folder(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    found = passages(tmp_path / name)
    assert [passage.text for passage in found] == SAID == said(tmp_path)
    assert {passage.fields["title"] for passage in found} == {"Strike"}
    InputSource(str(tmp_path / name)).check()


def test_pages_of_an_archive_are_named_after_it_and_their_place_in_it(tmp_path):
    (tmp_path / "day.zip").write_bytes(zipped({"x/a.html": PAGE, "x/a.txt": b"Shells fell."}))
    (tmp_path / "day.warc.gz").write_bytes(warc([("200 OK", "text/html; charset=utf-8", PAGE)] * 2)[0])
    assert {p.article_id: p.fields["url"] for p in passages(tmp_path)} == {
        "day.warc:0": "https://wire.example/0",
        "day.warc:1": "https://wire.example/1",
        "day/x/a.html": None,
        "day/x/a.txt": None,
    }


def test_header_of_an_answer_names_the_encoding(tmp_path):
    page = "<p>Взрыв</p>".encode("cp1251")
    (tmp_path / "a.warc").write_bytes(warc([("200 OK", "text/html; charset=Windows-1251", page)], False)[0])
    assert said(tmp_path / "a.warc") == ["Взрыв"]


def test_rows_hold_pages_in_a_field_of_theirs_and_keep_their_other_columns(tmp_path):
    rows = [{"id": "r1", "html": PAGE.decode(), "outlet": "Wire", "title": "Given"}, {"html": "no tag"}]
    refused = []
    found = passages(write_jsonl(tmp_path / "rows.jsonl", rows), refused)
    assert [(p.id, p.article_id, p.text, p.fields["title"], p.fields["outlet"]) for p in found] == [
        (f"r1:{number}", "r1", text, "Given", "Wire") for number, text in enumerate(SAID)
    ]
    assert "html" not in found[0].fields
    assert refused == [f"{tmp_path / 'rows.jsonl'}:2: holds no HTML tag; if it is plain text, call it .txt"]


def test_row_of_html_keeps_each_field_beside_what_is_known_of_the_sentence(tmp_path):
    own = {"tag": "Aleppo", "xpath": "mine", "link_density": "low", "position": 7, "label": "none", "input_tag": "old"}
    found = passages(write_jsonl(tmp_path / "rows.jsonl", [{"id": "r1", "html": PAGE.decode(), **own, "topic": "t"}]))
    assert [(p.position, p.fields["tag"], p.fields["link_density"]) for p in found] == [
        (0, "h1", 0.0),
        (1, "p", 0.0),
        (2, "p", 0.0),
    ]
    kept = {"input_input_tag": "Aleppo", "input_tag": "old", "topic": "t"}
    kept |= {f"input_{name}": own[name] for name in ("xpath", "link_density", "position", "label")}
    for passage in found:
        assert passage.fields.items() >= kept.items()
        assert set(own.values()) <= set(passage.fields.values())


def test_types_of_parquet_go_with_the_fields_of_rows_of_html(tmp_path):
    columns = {"id": ["r1"], "html": [PAGE.decode()], "tag": [3], "link_density": ["low"], "position": [7]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    source = InputSource(str(tmp_path / "rows.parquet"))
    output = tmp_path / "out.parquet"
    with open_output(str(output), types=source.column_types) as write:
        for passage in source.passages():
            write(Prediction(passage, "none", {"none": 1.0}))
    table = parquet.read_table(output)
    assert table.column("tag").to_pylist() == ["h1", "p", "p"]
    assert table.column("link_density").to_pylist() == [0.0, 0.0, 0.0]
    assert table.column("input_tag").to_pylist() == [3, 3, 3]
    assert table.column("input_link_density").to_pylist() == ["low"] * 3
    assert table.column("input_position").to_pylist() == [7, 7, 7]


def test_named_field_of_html_goes_before_the_text(tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"text": "scraped", "html": "x", "raw": PAGE.decode()}])
    assert said(path) == ["scraped"]
    assert said(path, html_field="raw") == SAID
    with pytest.raises(UserError, match=r"rows.jsonl:1: no column 'page' \(html_field\); there are 'text', 'html'"):
        said(path, html_field="page")


def test_plain_text_beside_pages_has_their_columns_empty(tmp_path):
    (tmp_path / "a.txt").write_text("Shells fell.\n", encoding="utf-8")
    assert passages(tmp_path)[0].fields == {}
    (tmp_path / "b.html").write_bytes(PAGE)
    text, *html = passages(tmp_path)
    assert list(text.fields) == list(html[0].fields)
    assert set(text.fields.values()) == {None}


@pytest.mark.parametrize("how", [InputFormat.auto, InputFormat.html])
def test_page_comes_from_standard_input(monkeypatch, how):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(PAGE))))
    assert said("-", format=how) == SAID


def test_archive_cannot_come_from_a_pipe():
    with pytest.raises(UserError, match="format=zip: cannot be read from a pipe"):
        InputSource("-", InputFormat.zip).check()


def test_file_of_another_ending_is_html_if_that_is_said(tmp_path):
    (tmp_path / "page.asp").write_bytes(PAGE)
    assert said(tmp_path / "page.asp", format=InputFormat.html) == SAID


def test_own_pages_of_results_are_not_read(tmp_path):
    (tmp_path / "labels.html").write_bytes(b'<!doctype html><meta name="generator" content="sitrep 0.2"><p>x')
    (tmp_path / "a.html").write_bytes(PAGE)
    found = find_files(tmp_path)
    assert (found.readable, found.predictions) == ([tmp_path / "a.html"], [tmp_path / "labels.html"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.html", b"%PDF-1.7", r"a\.html: is no HTML but a PDF"),
        ("a.html", b"Four died.", r"a\.html: holds no HTML tag"),
        ("a.html.gz", gzip.compress(PAGE * 100)[:80], r"a\.html\.gz: breaks off"),
        ("a.html.gz", gzip.compress(PAGE)[:-8] + b"\0" * 8, r"a\.html\.gz: is damaged"),
        ("a.mhtml", b"From: x\n\nFour died.", "holds no part of HTML"),
        ("a.zip", b"PK\x03\x04 and no more", "is no ZIP archive, or a damaged one"),
        ("a.zip", zipped({"a.png": b"\x89PNG"}), "holds no page"),
        ("a.zip", zipped({"../../etc/cron.html": PAGE}), r"a\.zip:\.\./\.\./etc/cron\.html: its name leads out"),
        ("a.zip", zipped({"/etc/cron.html": PAGE}), "its name leads out"),
        ("a.zip", zipped({"C:\\cron.html": PAGE}), "its name leads out"),
        ("a.zip", zipped({"a.html": b"<p>" + b"0" * 30_000_000}), "MB would become 30 MB, which is an attack"),
        ("a.tar.gz", tarred({"../cron.html": PAGE}), "its name leads out"),
        ("a.tar.gz", tarred({"a.html": b"<p>" + b"0" * 30_000_000}), "MB would become 30 MB, which is an attack"),
        ("a.tar.gz", tarred({"a.html": PAGE * 100})[:100], "is no tar archive, or breaks off"),
        ("a.tar.gz", b"none", "is no tar archive, or breaks off"),
        ("a.warc.gz", warc([("404 Not Found", "text/html", PAGE)])[0], "holds no page"),
        ("a.warc.gz", b"none", "is damaged"),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # those of archives hold the time
)
def test_what_cannot_be_read_is_one_line_with_its_place(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        said(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_member_that_leads_out_of_its_archive_is_refused_and_the_rest_is_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({"../out.html": PAGE, "in.html": PAGE}))
    refused = []
    assert said(tmp_path / "a.zip", refused) == SAID
    assert len(refused) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_page_that_unpacks_to_more_than_a_page_can_be_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(page_files, "LARGEST_PAGE", 2_000_000)
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(b"<p>" + b"0" * 3_000_000))
    with pytest.raises(UserError, match=r"a\.html\.gz: the page is larger than 2 MB"):
        said(tmp_path / "a.html.gz")


LONG = PAGE + b"<p>" + b"".join(b"Shell %d hit house %d. " % (number, number * 7919 % 1000) for number in range(3000))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(LONG)),
        ("x-gzip", gzip.compress(LONG)),
        ("deflate", zlib.compress(LONG)),
        ("br", brotli.compress(LONG)),
        ("br", LONG),  # some crawlers unpack what they save, and leave the header
        ("zstd", LONG),
        ("UTF-8", LONG),  # some servers say what is no encoding of theirs
        ("identity", LONG),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_page_of_a_warc_is_unpacked_as_its_answer_says(tmp_path, encoding, content, chunked):
    header = f"Content-Encoding: {encoding}\r\n"
    if chunked:
        header += "Transfer-Encoding: chunked\r\n"
        pieces = (content[start : start + 5000] for start in range(0, len(content), 5000))
        content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    (tmp_path / "a.warc").write_bytes(warc([("200 OK", "text/html", content)] * 2, header=header)[0])
    (tmp_path / "a.html").write_bytes(LONG)
    assert said(tmp_path / "a.warc") == said(tmp_path / "a.html") * 2


@pytest.mark.parametrize(
    ("encoding", "content", "reason"),
    [
        ("zstd", b"\x28\xb5\x2f\xfd" + bytes(range(200)), "is packed as zstd, which is not unpacked here"),
        ("gzip, br", brotli.compress(gzip.compress(LONG)), "is packed as gzip, br, which is not unpacked here"),
        ("br", brotli.compress(LONG)[:-9], "is damaged: its brotli breaks off"),
        ("br", bytes(range(250, 200, -1)), "is damaged: its brotli cannot be unpacked"),
    ],
)
def test_answer_that_cannot_be_unpacked_is_told_with_its_packing(tmp_path, encoding, content, reason):
    packed, _ = warc([("200 OK", "text/html", content)], header=f"Content-Encoding: {encoding}\r\n")
    (tmp_path / "a.warc").write_bytes(packed + warc([("200 OK", "text/html", PAGE)])[0])
    refused = []
    assert said(tmp_path / "a.warc", refused) == SAID
    assert len(refused) == 1
    assert f"record 0: {reason}" in refused[0]


def test_answer_that_unpacks_to_more_than_a_page_can_be_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_PAGE", 2_000_000)
    content = brotli.compress(b"<p>" + b"0" * 30_000_000)
    (tmp_path / "a.warc").write_bytes(
        warc([("200 OK", "text/html", content)], header="Content-Encoding: br\r\n")[0]
        + warc([("200 OK", "text/html", PAGE)])[0]
    )
    refused = []
    assert said(tmp_path / "a.warc", refused) == SAID
    assert "record 0: the page is larger than 2 MB" in refused[0]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("damage", ["payload", "header"])
def test_broken_record_is_told_and_those_behind_it_are_read(tmp_path, compressed, damage):
    data, starts = warc([("200 OK", "text/html", PAGE + b"<p>%d</p>" % n * 50) for n in range(3)], compressed)
    broken = bytearray(data)
    if damage == "header":
        broken[starts[1] : starts[1] + 4] = b"ZZZZ"
    elif compressed:
        broken[starts[1] + 60 : starts[1] + 80] = bytes(20)
    else:
        length = data.index(b"Content-Length: ", starts[1]) + len(b"Content-Length: ")
        broken[length : length + 1] = b"9"
    (tmp_path / "a.warc").write_bytes(broken)
    refused = []
    found = passages(tmp_path / "a.warc", refused)
    assert len(refused) == 1
    assert "record 1: is damaged" in refused[0]
    assert list(dict.fromkeys(p.fields["url"] for p in found)) == [
        "https://wire.example/0",
        "https://wire.example/2",
    ]


def test_record_without_its_address_is_told_and_those_behind_it_are_read(tmp_path):
    content, _ = warc([("200 OK", "text/html", PAGE)] * 3, compressed=False)
    spoilt = content.replace(b"WARC-Target-URI: https://wire.example/1\r\n", b"")
    (tmp_path / "a.warc").write_bytes(spoilt)
    refused = []
    assert said(tmp_path / "a.warc", refused) == SAID * 2
    assert refused == [f"{tmp_path / 'a.warc'}:record 1: is damaged: it lacks a header that it must have"]


def test_warc_that_breaks_off_gives_what_came_before(tmp_path):
    data, _ = warc([("200 OK", "text/html", PAGE)] * 2, False)
    (tmp_path / "a.warc").write_bytes(data[:-60])
    refused = []
    assert said(tmp_path / "a.warc", refused) == SAID
    assert len(refused) == 1
    assert "record 1: is damaged: breaks off" in refused[0]


def test_links_in_a_circle_are_told_and_not_followed(tmp_path):
    (tmp_path / "a.html").symlink_to("b.html")
    (tmp_path / "b.html").symlink_to("a.html")
    (tmp_path / "c.html").write_bytes(PAGE)
    (tmp_path / "self").symlink_to(".")
    refused = []
    assert said(tmp_path, refused) == SAID
    assert len(refused) == 2


def test_text_of_each_page_is_written_and_offsets_are_of_it(run_directory, tmp_path):
    folder = tmp_path / "pages"
    (folder / "day").mkdir(parents=True)
    (folder / "day" / "a.html").write_bytes(PAGE)
    (folder / "bad.html").write_bytes(b"%PDF-1.7")
    output, texts = tmp_path / "out.jsonl", tmp_path / "texts"
    arguments = [f"checkpoint={run_directory}", f"input={folder}", f"output={output}", f"pages_text={texts}"]
    with pytest.raises(PartlyRead, match="1 page or row was left out"):
        predict(compose_settings("predict", PredictSettings, [*arguments, "inference.precision=fp32"]))
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    text = (texts / "day" / "a.txt").read_text(encoding="utf-8")
    assert [row["text"] for row in rows] == [text[row["start"] : row["end"]] for row in rows] == SAID
    assert rows[1]["xpath"] == "/html[1]/body[1]/p[1]"
    assert rows[0]["page_sha256"] == read_html(PAGE).sha256


@pytest.mark.parametrize(
    ("article_id", "name"),
    [
        ("day/a", "day/a.txt"),
        ("../../etc/cron", "%2E%2E/%2E%2E/etc/cron.txt"),
        ("/etc/cron", "%/etc/cron.txt"),
        ("https://x.org/a/", "https%3A/%/x.org/a/%.txt"),
        ("crawl:12", "crawl%3A12.txt"),
        ("50%", "50%25.txt"),
        ("", "%.txt"),
        ("a.txt/b", "a%2Etxt/b.txt"),
    ],
)
def test_text_of_a_page_stays_in_its_folder_whatever_the_page_is_called(article_id, name):
    assert file_name(article_id) == name


@given(st.sets(st.text("a/.%:\\_\udc80\udc81tx", max_size=7), min_size=2))
@example({"https://x.org/a", "https://x.org/a/", "https:///x.org/a", "/https:/x.org/a"})
@example({"\udc80", "\\udc80", "%DC80"})
@example({"a", "a.txt/a", "a%2Etxt/a", "", "%", "_", "..", "%2E%2E"})
def test_no_two_pages_have_one_file_nor_is_the_file_of_one_the_folder_of_another(names):
    files = {file_name(name) for name in names}
    assert len(files) == len(names)
    assert not {str(folder) for name in files for folder in PurePosixPath(name).parents} & files
    assert all("" not in name.split("/") and not {".", ".."} & set(name.split("/")) for name in files)


@pytest.mark.parametrize("output", ["out.jsonl", "out/"])
def test_texts_of_pages_that_are_called_alike_do_not_take_each_others_place(run_directory, tmp_path, output):
    folder = tmp_path / "rows"
    folder.mkdir()
    first = [{"id": "https://x.org/a", "html": "<p>Four died."}, {"id": "https://x.org/a/", "html": "<p>Two left."}]
    write_jsonl(folder / "1.jsonl", first)
    again = [{"id": "https://x.org/a", "html": "<p>Another page."}, {"id": "https://x.org/a/", "html": "<p>Two left."}]
    write_jsonl(folder / "2.jsonl", again)
    output, texts = f"{tmp_path}/{output}", tmp_path / "texts"
    arguments = [f"checkpoint={run_directory}", f"input={folder}", f"output={output}", f"pages_text={texts}"]
    wanted = compose_settings("predict", PredictSettings, [*arguments, "inference.precision=fp32", "parts=jsonl"])
    for _ in range(2 if output.endswith("/") else 1):  # a job that is complete says the same again
        with pytest.raises(PartlyRead, match="1 page or row was left out"):
            predict(wanted)
    assert sorted(path.read_text() for path in texts.rglob("*.txt")) == ["Four died.", "Two left."]
    errors = tmp_path / ("out/errors.jsonl" if output.endswith("/") else "out.jsonl.errors.jsonl")
    left_out = json.loads(errors.read_text(encoding="utf-8"))
    assert left_out["place"].endswith("2.jsonl:1")
    assert "another page is called https://x.org/a too, and has another text" in left_out["reason"]
    files = [*tmp_path.glob("out/part-*")] or [tmp_path / "out.jsonl"]
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == ["Four died.", "Two left.", "Two left."]
    for row in rows:
        text = (texts / file_name(row["article_id"])).read_text(encoding="utf-8")
        assert text[row["start"] : row["end"]] == row["text"]


def test_long_names_stay_apart():
    one, other = file_name("ä" * 300 + "1"), file_name("ä" * 300 + "2")
    assert one != other
    assert len(one.encode()) < 255


@pytest.mark.parametrize("page", [PAGE, PAGE.decode(), read_html(PAGE)], ids=["bytes", "text", "page"])
def test_predictor_labels_a_page_of_html(run_directory, page):
    found = Predictor.from_checkpoint(run_directory, precision="fp32").label_page(page)
    assert [prediction.passage.text for prediction in found] == SAID
    assert found[1].passage.fields["tag"] == "p"
