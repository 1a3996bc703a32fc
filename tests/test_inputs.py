import json
import os
import threading
import tracemalloc

import pytest
from conftest import write_jsonl

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.inference.folders import find_files
from sitrep.inference.inputs import InputSource
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.run import predict
from sitrep.settings import InputFormat, PredictSettings

PAGE = "Shells hit the bridge.\nShare this page\n"


def texts(source, **settings):
    return [passage.text for passage in InputSource(str(source), **settings).passages()]


@pytest.fixture
def run(run_directory, tmp_path):
    def call(source, output, *overrides):
        fixed = [f"checkpoint={run_directory}", f"input={source}", f"output={output}", "inference.precision=fp32"]
        predict(compose_settings("predict", PredictSettings, [*fixed, *overrides]))

    return call


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("a.txt", "c.txt"):
        (folder / name).write_text(PAGE, encoding="utf-8")
    (folder / "b.txt").write_bytes(b"")
    write_jsonl(folder / "d.jsonl", [{"text": "Four died."}, {"text": " "}, {"text": "Two died."}])
    return folder


def test_bad_page_of_a_folder_is_left_out_with_its_reason_and_the_rest_is_labelled(run, pages, tmp_path):
    output = tmp_path / "out.jsonl"
    with pytest.raises(PartlyRead, match=r"2 pages or rows were left out") as caught:
        run(pages, output)
    assert caught.value.exit_status == 3
    written = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in written] == [*PAGE.splitlines(), *PAGE.splitlines(), "Four died.", "Two died."]
    reasons = (tmp_path / "out.jsonl.errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in reasons] == [
        {"place": str(pages / "b.txt"), "reason": "the file is empty"},
        {"place": f"{pages / 'd.jsonl'}:2", "reason": "the text is empty; fill it or remove the row"},
    ]


def test_reasons_of_an_earlier_run_do_not_stay(run, pages, tmp_path):
    output = tmp_path / "out.csv"
    with pytest.raises(PartlyRead):
        run(pages, output)
    (pages / "b.txt").write_text(PAGE, encoding="utf-8")
    (pages / "d.jsonl").unlink()
    run(pages, output, "overwrite=true")
    assert not (tmp_path / "out.csv.errors.jsonl").exists()


def test_without_a_file_the_reasons_go_to_standard_error(run, pages, capsys):
    with pytest.raises(PartlyRead, match="the reasons stand above"):
        run(pages, "-")
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 6
    assert f"left out: {pages / 'b.txt'}: the file is empty" in printed.err


@pytest.mark.parametrize("strict", [True, False])
def test_bad_row_of_a_single_file_is_left_out_unless_the_run_is_strict(run, tmp_path, strict):
    (tmp_path / "rows.jsonl").write_text('{"text": "Four died."}\n{"text": \n{"text": "Two died."}\n', encoding="utf-8")
    output = tmp_path / "out.jsonl"
    said = r"rows\.jsonl:2: not valid JSON" if strict else "1 page or row was left out"
    with pytest.raises(UserError, match=said) as caught:
        run(tmp_path / "rows.jsonl", output, f"strict={strict}")
    assert caught.value.exit_status == (1 if strict else 3)
    assert output.exists() == (not strict)
    if not strict:
        assert len(output.read_text(encoding="utf-8").splitlines()) == 2


def test_row_of_a_table_with_too_few_cells_is_left_out(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n1,Four died.\n2\n3,Two died.\n", encoding="utf-8")
    seen = []
    source = InputSource(str(tmp_path / "rows.csv"))
    assert [passage.text for passage in source.passages(seen.append)] == ["Four died.", "Two died."]
    assert "rows.csv:3: has 1 fields where the header has 2" in str(seen[0])


def test_folder_of_which_nothing_can_be_read_is_an_error_and_leaves_nothing(run, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"")
    with pytest.raises(UserError, match=r"nothing could be read; the first reason of 1: .*a\.txt: the file is empty"):
        run(folder, tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages"]


def test_links_to_folders_are_followed_once_and_dead_links_are_told(tmp_path):
    (tmp_path / "real" / "2024").mkdir(parents=True)
    (tmp_path / "real" / "2024" / "a.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "real" / "2024" / "round").symlink_to(tmp_path / "real")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "2024").symlink_to("../real/2024")
    (folder / "gone.txt").symlink_to("../nowhere.txt")
    seen = []
    source = InputSource(str(folder))
    assert [passage.id for passage in source.passages(seen.append)] == ["2024/a:0", "2024/a:1"]
    assert [str(error) for error in seen] == [f"{folder / 'gone.txt'}: is a link that leads nowhere"]


def test_links_back_into_the_folder_or_to_one_around_it_count_nothing_twice(tmp_path):
    folder = tmp_path / "pages"
    (folder / "2024").mkdir(parents=True)
    (folder / "2024" / "a.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "other.txt").write_text(PAGE, encoding="utf-8")
    (folder / "all").symlink_to("..")
    (folder / "latest").symlink_to("2024")
    (folder / "again.txt").symlink_to("2024/a.txt")
    (folder / "other.txt").symlink_to("../other.txt")
    assert find_files(folder).readable == [folder / "2024" / "a.txt", folder / "other.txt"]


def test_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text(PAGE, encoding="utf-8")
    found = find_files(tmp_path)
    assert (found.readable, found.others) == ([tmp_path / "b.txt"], [tmp_path / "a.txt"])
    assert found.remarks() == [f"{tmp_path / 'a.txt'} is of a kind that is not read"]


@pytest.mark.parametrize(
    ("name", "remedy"), [("a.xlsx", "save the sheet as CSV"), ("a.gz", "unpack"), ("a", "set format=text")]
)
def test_file_of_another_kind_is_refused_with_what_to_do(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(UserError, match=f"cannot tell what .* holds; {remedy}"):
        InputSource(str(tmp_path / name)).check()


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_predictions_of_another_day_are_not_read_as_pages(run, tmp_path, ending, capsys):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.txt").write_text(PAGE, encoding="utf-8")
    run(folder, folder / f"monday.{ending}")
    run(folder, folder / "tuesday.jsonl")
    assert len((folder / "tuesday.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert f"monday.{ending} holds predictions: not read" in capsys.readouterr().err.replace("\n", "")


def test_labelled_rows_are_no_predictions(tmp_path):
    labelled = {"id": "1", "article_id": "1", "position": 0, "start": 0, "end": 9, "text": "Two died.", "label": "none"}
    write_jsonl(tmp_path / "rows.jsonl", [labelled])
    assert find_files(tmp_path).readable == [tmp_path / "rows.jsonl"]


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        (PAGE, {}),
        ('{"text": "Shells hit the bridge."}\n{"text": "Share this page"}\n', {}),
        ("text\nShells hit the bridge.\nShare this page\n", {"format": InputFormat.csv}),
    ],
)
def test_pipe_is_read_as_standard_input_is(tmp_path, content, settings):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text(content, encoding="utf-8"))
    writer.start()
    InputSource(str(tmp_path / "pipe"), **settings).check()
    assert texts(tmp_path / "pipe", **settings) == PAGE.splitlines()
    writer.join()


def test_file_name_that_is_not_utf_8_is_written_as_it_can_be(run, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"caf\xe9.txt")).write_text(PAGE, encoding="utf-8")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    run(folder, tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["article_id"] for line in written} == {"caf\\xe9"}


def test_file_that_may_not_be_opened_does_not_end_the_job_of_a_folder(tmp_path, monkeypatch):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(PAGE, encoding="utf-8")
    opened = type(tmp_path).open

    def forbidden(path, *rest, **named):
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **named)

    monkeypatch.setattr(type(tmp_path), "open", forbidden)
    seen = []
    assert len(list(InputSource(str(tmp_path)).passages(seen.append))) == 2
    assert str(seen[0]) == f"{tmp_path / 'a.txt'}: cannot be read: Permission denied"


def test_folder_that_may_not_be_looked_into_is_told_and_does_not_end_the_job(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def forbidden(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    seen = []
    assert len(list(InputSource(str(tmp_path)).passages(seen.append))) == 2
    reason = "the folder may not be looked into; ask its owner for the right to"
    assert list(map(str, seen)) == [f"{tmp_path / 'closed'}: {reason}"]
    with pytest.raises(UserError, match=reason):
        list(InputSource(str(tmp_path / "closed")).passages())


def test_empty_page_of_a_row_is_told_by_its_field(tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [{"html": "<p>Four died.</p>"}, {"html": " "}])
    seen = []
    assert len(list(InputSource(str(tmp_path / "rows.jsonl")).passages(seen.append))) == 1
    reason = "the field 'html' is empty; fill it or remove the row"
    assert list(map(str, seen)) == [f"{tmp_path / 'rows.jsonl'}:2: {reason}"]


def test_articles_whose_rows_say_their_position_are_not_remembered(tmp_path):
    def most_memory(fields):
        rows = (f'{{"article_id": "page {n}", "text": "A road was cut."{fields}}}\n' for n in range(20_000))
        (tmp_path / "rows.jsonl").write_text("".join(rows))
        tracemalloc.start()
        try:
            assert sum(1 for _ in InputSource(str(tmp_path / "rows.jsonl")).passages()) == 20_000
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most_memory(', "position": 0') < most_memory("") / 3
