"""Jobs that use several features at once: pages of HTML in parts, with duplicates, texts and coloured pages."""

import json

import pytest

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.inference.job_folder import JobFolder, is_job_folder
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.run import predict
from sitrep.settings import PredictSettings

LINES = [
    "Shells struck the grain silos at the edge of the river port before dawn.",
    "Eleven workers were pulled from the collapsed roof and four of them later died.",
    "The governor told reporters that evacuation buses would leave every second hour.",
    "Traders in the covered market say flour has doubled in price since the autumn.",
    "A spokeswoman for the peacekeepers denied that her convoy had opened fire.",
    "Villagers buried two brothers who had gone out to mend a broken fence.",
    "Gunmen on motorcycles stopped a minibus at the second bridge and took three men.",
    "Rain is expected in the highlands until the weekend, the weather office announced.",
    "Hospital staff counted nineteen wounded, most with burns on hands and face.",
    "Parliament will debate the extension of emergency powers on the coming Thursday.",
    "Armed drones circled above the refinery for an hour without dropping anything.",
    "Teachers have marched through the capital to demand their unpaid salaries.",
]


@pytest.fixture
def pages(tmp_path):
    """Pages of HTML of which the first and the last are one report, a page of text, and a page that is none."""
    folder = tmp_path / "pages"
    folder.mkdir()
    groups = [LINES[:6], LINES[3:8], LINES[5:10], LINES[:6]]
    for number, lines in enumerate(groups):
        body = "".join(f"<p>{line}</p>" for line in lines)
        html = f"<html><head><title>Page {number}</title></head><body>{body}</body></html>"
        (folder / f"{number}.html").write_text(html, encoding="utf-8")
    (folder / "4.html").write_bytes(b"%PDF-1.7 none")
    (folder / "5.txt").write_text("\n".join(LINES[9:]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def run(run_directory, tmp_path):
    def call(source, output, *overrides):
        fixed = [f"checkpoint={run_directory}", f"input={source}", f"output={tmp_path}/{output}"]
        fixed += ["inference.precision=fp32", "parts=jsonl", "part_sentences=5"]
        with pytest.raises(PartlyRead, match="1 page or row was left out"):
            predict(compose_settings("predict", PredictSettings, [*fixed, *overrides]))
        return tmp_path / output

    return call


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(folder):
    parts = sorted(folder.rglob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text(encoding="utf-8").splitlines()]


def without_figures(rows):
    """Other sentences share a batch in a part, so that the last digit of a figure may differ."""
    return [{name: row[name] for name in row if name not in ("probabilities", "main_text")} for row in rows]


def test_pages_of_html_in_parts_have_their_columns_groups_and_texts(run, pages, tmp_path, capsys):
    folder = run(pages, "job/", "duplicates=mark", f"pages_text={tmp_path}/texts")
    rows = rows_of(folder)
    single = run(pages, "single.jsonl", "duplicates=mark")
    assert without_figures(rows) == without_figures(map(json.loads, single.read_text(encoding="utf-8").splitlines()))
    assert all((row["main_text"] is None) == (row["title"] is None) for row in rows)
    groups = {row["article_id"]: row["page_group"] for row in rows}
    assert groups["0"] == groups["3"] is not None
    assert {row["title"] for row in rows} == {"Page 0", "Page 1", "Page 2", "Page 3", None}
    for row in rows:
        if row["title"]:
            text = (tmp_path / "texts" / f"{row['article_id']}.txt").read_text(encoding="utf-8")
            assert text[row["start"] : row["end"]] == row["text"]
    assert json.loads((folder / "errors.jsonl").read_text())["place"].endswith("4.html")
    assert capsys.readouterr().err.count("duplicates: ") == 2
    run(pages, "job/", "duplicates=mark", f"pages_text={tmp_path}/texts")
    printed = capsys.readouterr().err
    assert "is complete" in printed
    assert "duplicates: " in printed


def test_cut_off_job_of_html_ends_with_the_same_bytes_and_texts(run, pages, tmp_path, monkeypatch):
    whole = files_of(run(pages, "whole/", "duplicates=mark", f"pages_text={tmp_path}/a"))
    written = JobFolder.write

    def write(self, manifest):
        if len(manifest.parts) == 1:
            raise KeyboardInterrupt
        written(self, manifest)

    overrides = ("duplicates=mark", f"pages_text={tmp_path}/b")
    with monkeypatch.context() as patched:
        patched.setattr(JobFolder, "write", write)
        with pytest.raises(KeyboardInterrupt):
            run(pages, "cut/", *overrides)
    cut = files_of(run(pages, "cut/", *overrides))
    assert {name: cut[name] for name in cut if name != "manifest.json"} == {
        name: whole[name] for name in whole if name != "manifest.json"
    }
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_texts_of_something_else_are_not_mixed_with_those_of_a_job(run, pages, tmp_path, run_directory):
    (tmp_path / "texts").mkdir()
    overrides = [f"checkpoint={run_directory}", f"input={pages}", f"output={tmp_path}/job/"]
    with pytest.raises(UserError, match="texts: exists already and was kept"):
        predict(compose_settings("predict", PredictSettings, [*overrides, f"pages_text={tmp_path}/texts"]))


def test_texts_inside_the_input_folder_are_no_input(run, pages):
    folder = run(pages, "job/", f"pages_text={pages}/texts")
    assert {row["article_id"] for row in rows_of(folder)} == {"0", "1", "2", "3", "5"}


def test_shards_of_html_name_groups_alike(run, pages, run_directory, tmp_path):
    run(pages, "job/", "duplicates=mark", "shard=1/2")  # holds 0, 2 and 4, the one that cannot be read
    overrides = [f"checkpoint={run_directory}", f"input={pages}", f"output={tmp_path}/job/", "parts=jsonl"]
    predict(compose_settings("predict", PredictSettings, [*overrides, "duplicates=mark", "shard=2/2"]))
    groups = {row["article_id"]: row["page_group"] for row in rows_of(tmp_path / "job")}
    assert set(groups) == {"0", "1", "2", "3", "5"}
    assert groups["0"] == groups["3"] is not None


def test_shard_that_is_cut_off_names_groups_as_an_undisturbed_one(run, pages, monkeypatch):
    overrides = ("duplicates=mark", "shard=1/2")
    whole = files_of(run(pages, "whole/", *overrides))
    written = JobFolder.write

    def write(self, manifest):
        if len(manifest.parts) == 2:
            raise KeyboardInterrupt
        written(self, manifest)

    with monkeypatch.context() as patched:
        patched.setattr(JobFolder, "write", write)
        with pytest.raises(KeyboardInterrupt):
            run(pages, "cut/", *overrides)
    assert files_of(run(pages, "cut/", *overrides)) == whole
    assert "shard-1-of-2/part-00001.jsonl" in whole


@pytest.mark.parametrize("clean", [(), ("clean=true",)])
def test_pages_for_people_are_made_of_html(run, pages, clean):
    folder = run(pages, "clean.md/" if clean else "pages.html/", "duplicates=mark", *clean)
    ending = "md" if clean else "html"
    assert {path.name for path in folder.iterdir()} - {"index.html"} == {f"{name}.{ending}" for name in "01235"}


@pytest.mark.parametrize(
    ("output", "clean", "in_parts"),
    [
        ("a/", False, True),
        ("a.html/", False, False),
        ("a.md/", True, False),
        ("a.csv", False, False),
        ("-", True, False),
    ],
)
def test_folder_is_of_a_job_unless_its_name_says_pages(output, clean, in_parts):
    assert is_job_folder(output, clean) is in_parts
