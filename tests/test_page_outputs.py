"""Pages for people as outputs of prediction: one file or a folder, complete or absent."""

import json
import re
import sys

import pytest
from conftest import TAXONOMY

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.inference import page_outputs
from sitrep.inference.folders import find_files
from sitrep.inference.outputs import check_output, open_output
from sitrep.inference.run import predict
from sitrep.pages.passages import article_passages
from sitrep.sentences import Passage, Prediction
from sitrep.settings import PredictSettings

PAGES = {"a": "#menu\n\nOne. Two.\n", "sub/b": "Three.\n#foot\n", "index": "#all"}


def predictions(pages=PAGES):
    for name, text in pages.items():
        for passage in article_passages(text, name):
            label = "boilerplate" if "#" in passage.text else "none"
            rest = {other: 0.05 for other in TAXONOMY.labels if other != label}
            yield Prediction(passage, label, {**rest, label: 0.8}, decision="review")


def write(output, pages=PAGES, clean=False, overwrite=False):
    with open_output(str(output), overwrite, TAXONOMY, clean) as take:
        for prediction in predictions(pages):
            take(prediction)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_folder_of_coloured_pages_has_one_file_a_page_and_an_index_that_leads_to_each(tmp_path):
    write(f"{tmp_path}/out.html/")
    folder = tmp_path / "out.html"
    assert files(folder) == ["a.html", "index.html", "index_.html", "sub/b.html"]
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<tr><td><a href="([^"]+)" dir="auto">([^<]+)</a></td>((?:<td class="n">\d+</td>)+)', index) == [
        (address, name, "".join(f'<td class="n">{number}</td>' for number in numbers))
        for address, name, numbers in (
            ("a.html", "a", (3, 0, 0, 0, 1, 2, 3)),
            ("sub/b.html", "sub/b", (2, 0, 0, 0, 1, 1, 2)),
            ("index_.html", "index", (1, 0, 0, 0, 1, 0, 1)),
        )
    ]
    assert '<span class="soft">' not in index  # no page has another title than its name
    together = index[index.index("<tfoot>") :]
    assert re.findall(r"<td class=\"n\">(\d+)", together) == ["6", "0", "0", "0", "3", "3", "6"]
    back = {
        name: re.search(r'<nav><a href="([^"]+)"', (folder / name).read_text())[1] for name in ("a.html", "sub/b.html")
    }
    assert back == {"a.html": "index.html", "sub/b.html": "../index.html"}


def test_index_names_pages_by_title_and_file_so_that_equal_titles_can_be_told_apart(tmp_path):
    with open_output(f"{tmp_path}/out.html/", False, TAXONOMY) as take:
        for name in ("x", "y"):
            for passage in article_passages("One.", name, fields={"title": "Page not found"}):
                take(Prediction(passage, "none", dict.fromkeys(TAXONOMY.labels, 0.2)))
    index = (tmp_path / "out.html" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'auto">([^<]+)</a> <span class="soft">(\w)</span></td>', index) == [
        ("Page not found", "x"),
        ("Page not found", "y"),
    ]


def test_one_coloured_file_holds_all_pages_with_the_counts_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(page_outputs, "SPOOL_BYTES", 10)
    monkeypatch.setattr(page_outputs, "CHUNK", 7)
    write(tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert re.findall(r"<h1[^>]*>(.*?)</h1>|<h2[^>]*>(.*?)</h2>", page) == [
        ("out", ""),
        ("", "a"),
        ("", "sub/b"),
        ("", "index"),
    ]
    assert re.findall(r"<u>(\w+)</u></span> <b>(\d+)</b>", page)[3:] == [("boilerplate", "3"), ("none", "3")]
    assert page.rstrip().endswith("</html>")


def test_folder_of_clean_pages_mirrors_the_names(tmp_path):
    write(f"{tmp_path}/out.txt/", clean=True)
    folder = tmp_path / "out.txt"
    assert {name: (folder / name).read_text() for name in files(folder)} == {
        "a.txt": "One. Two.\n",
        "sub/b.txt": "Three.\n",
        "index_.txt": "",
    }


def test_clean_page_is_one_file_or_standard_output(tmp_path, capsys):
    write(tmp_path / "out.md", {"a": PAGES["a"]}, clean=True)
    assert (tmp_path / "out.md").read_text() == "One. Two.\n"
    write("-", {"a": PAGES["a"]}, clean=True)
    assert capsys.readouterr().out == "One. Two.\n"


def test_second_page_is_not_mixed_into_one_clean_file(tmp_path):
    with pytest.raises(UserError, match=r"holds one clean page, and the input has more, sub/b the second; output=NAME"):
        write(tmp_path / "out.txt", clean=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["out.html", "out.html/", "out.txt/", "out.md"])
def test_crash_leaves_nothing(tmp_path, output):
    def work():
        with open_output(f"{tmp_path}/{output}", False, TAXONOMY, "html" not in output) as take:
            for prediction in predictions({"a": "One.\nTwo."}):
                take(prediction)
            raise OSError(5, "the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        work()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    def work():
        with open_output(f"{tmp_path}/out.html/", False, TAXONOMY) as take:
            take(next(predictions()))
            raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="the disk is full; nothing half-written was kept"):
        work()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "clean", "message"),
    [
        ("out.xlsx", False, r"the ending must be one of \.jsonl, \.csv, \.parquet, \.html, or -"),
        ("out.txt", False, r"\.txt is for pages without boilerplate; set clean=true"),
        ("out.md/", False, r"\.md is for pages without boilerplate; set clean=true"),
        ("out.html", True, r"clean=true writes text; the ending must be one of \.txt, \.md"),
        ("out.jsonl", True, r"clean=true writes text"),
        ("there.html/", False, r"there\.html: exists already and was kept; choose another output or remove it"),
        ("there.html", False, "is a folder, a file name is wanted"),
        ("file.html", False, "exists already and was kept; overwrite=true replaces it"),
    ],
)
def test_output_that_cannot_be_is_refused_before_any_work(tmp_path, output, clean, message):
    (tmp_path / "there.html").mkdir()
    (tmp_path / "file.html").write_text("mine")
    with pytest.raises(UserError, match=message):
        check_output(f"{tmp_path}/{output}", False, clean)


def test_home_folder_keeps_the_slash_that_asks_for_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PredictSettings(input="a", output="~/out.html/").output == f"{tmp_path}/out.html/"


def test_coloured_pages_of_an_earlier_job_are_no_input(tmp_path):
    (tmp_path / "a.txt").write_text("One.")
    write(f"{tmp_path}/out.html/")
    write(tmp_path / "one.html")
    assert find_files(tmp_path).readable == [tmp_path / "a.txt"]


def test_names_that_are_not_utf8_are_written(tmp_path):
    passage = Passage("caf\udce9:0", "caf\udce9", 0, 0, 4, "One.", source="One.")
    with open_output(f"{tmp_path}/out.html/", False, TAXONOMY) as take:
        take(Prediction(passage, "none", dict.fromkeys(TAXONOMY.labels, 0.2)))
    assert files(tmp_path / "out.html") == ["caf.html", "index.html"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "made"),
    [
        ("out.html", None),
        ("out.html/", ["index.html", "page.html", "sub/more.html"]),
        ("out.md/", ["page.md", "sub/more.md"]),
    ],
)
def test_folder_of_pages_goes_through_the_model_to_pages_for_people(run_directory, tmp_path, output, made):
    folder = tmp_path / "pages"
    (folder / "sub").mkdir(parents=True)
    (folder / "page.txt").write_text("shells hit the bridge in district 1 on day 2\nshare this page\n")
    (folder / "sub" / "more.txt").write_text("four were killed in district 3 on day 4\n")
    (folder / "void.txt").write_text("")
    overrides = [f"checkpoint={run_directory}", f"input={folder}", f"output={tmp_path}/{output}"]
    clean = ["clean=true"] if "md" in output else []
    with pytest.raises(UserError, match=r"1 page or row was left out.*out\.\w+\.errors\.jsonl says why"):
        predict(compose_settings("predict", PredictSettings, [*overrides, *clean]))
    reasons = (tmp_path / f"{output.rstrip('/')}.errors.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in reasons] == ["the file is empty"]
    if made:
        assert files(tmp_path / output) == made
    if clean:
        assert (tmp_path / output / "page.md").read_text() == "shells hit the bridge in district 1 on day 2\n"


def test_standard_output_without_clean_stays_json_lines(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "reconfigure", lambda **_: None, raising=False)
    with open_output("-", False, TAXONOMY) as take:
        take(next(predictions()))
    assert json.loads(capsys.readouterr().out)["text"] == "#menu"
