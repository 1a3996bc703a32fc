import csv
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow
import pytest
from conftest import rows, write_jsonl
from pyarrow import parquet

from sitrep.data.reading import SHIPPED, Columns, check_source, read_labelled
from sitrep.errors import UserError


def plain(sentences):
    return [(s.text, s.label, s.labels, s.article_id, s.position, s.id) for s in sentences]


@pytest.fixture
def reference(tmp_path):
    return plain(read_labelled(str(write_jsonl(tmp_path / "reference.jsonl", rows(3))), Columns()))


def test_csv_tsv_parquet_and_saved_data_set_read_as_jsonl_does(tmp_path, reference):
    flat = [{**row, "labels": "|".join(row["labels"])} for row in rows(3)]
    for name, separator in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(flat[0]), delimiter=separator)
            writer.writeheader()
            writer.writerows(flat)
        assert plain(read_labelled(str(tmp_path / name), Columns())) == reference
    parquet.write_table(pyarrow.Table.from_pylist(rows(3)), tmp_path / "a.parquet")
    assert plain(read_labelled(str(tmp_path / "a.parquet"), Columns())) == reference
    datasets.Dataset.from_list(rows(3)).save_to_disk(tmp_path / "saved")
    assert plain(read_labelled(str(tmp_path / "saved"), Columns())) == reference


def test_class_numbers_of_a_saved_data_set_are_read_by_their_names(tmp_path):
    names = ["boilerplate", "none"]  # not our order: the numbers must not be taken as ours
    saved = datasets.Dataset.from_dict(
        {"text": ["a", "b"], "label": [1, 0]},
        features=datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}),
    )
    saved.save_to_disk(tmp_path / "saved")
    assert [s.label for s in read_labelled(str(tmp_path / "saved"), Columns())] == ["none", "boilerplate"]


def test_saved_data_set_with_several_splits_asks_which_one(tmp_path):
    part = datasets.Dataset.from_list(rows(1))
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(tmp_path / "saved")
    with pytest.raises(UserError, match=r"holds the splits train, test; name their folders"):
        read_labelled(str(tmp_path / "saved"), Columns())


def test_other_column_and_label_names_are_mapped(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Sentence,Code,Story\nBombs fell.,ATT,s1\nWeather.,-,s1\n", encoding="utf-8")
    columns = Columns(
        text="Sentence", label="Code", article_id="Story", label_map={"ATT": "attack_description", "-": "none"}
    )
    found = read_labelled(str(path), columns)
    assert [(s.label, s.labels, s.article_id) for s in found] == [
        ("attack_description", ("attack_description",), "s1"),
        ("none", (), "s1"),
    ]


def test_rows_without_article_stand_alone_and_get_distinct_ids(tmp_path):
    path = write_jsonl(tmp_path / "bare.jsonl", [{"text": "a", "label": "none"}, {"text": "b", "label": "none"}])
    found = read_labelled(str(path), Columns())
    assert [s.id for s in found] == ["bare-0", "bare-1"]
    assert len({s.article_id for s in found}) == 2


def test_other_columns_are_kept(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "a", "label": "none", "region": "Mali"}])
    assert read_labelled(str(path), Columns())[0].fields == {"region": "Mali"}


def test_unknown_label_is_named_with_its_row(tmp_path):
    content = rows(2)
    content[16]["label"] = "weather"
    path = write_jsonl(tmp_path / "a.jsonl", content)
    with pytest.raises(UserError, match=r"a\.jsonl:17: unknown label 'weather'; use one of attack_description"):
        read_labelled(str(path), Columns())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "", "label": "none"}, ":1: the text is empty"),
        ({"text": "a", "label": ""}, ":1: the label is empty"),
        ({"text": 7, "label": "none"}, ":1: text must be text, not 7"),
        ({"sentence": "a", "label": "none"}, r":1: no column 'text' \(data.text_field\); there are 'sentence'"),
        ({"text": "a", "klass": "none"}, r":1: no column 'label' \(data.label_field\)"),
        ({"text": "a", "label": "none", "position": "first"}, ":1: position must be a whole number, not 'first'"),
        ({"text": "a", "label": "none", "labels": "[broken"}, ":1: labels '.broken' is not a JSON list"),
        ({"text": "a", "label": "none", "labels": 3}, ":1: labels must be a list"),
    ],
)
def test_wrong_rows_are_refused_by_place(tmp_path, row, message):
    path = write_jsonl(tmp_path / "a.jsonl", [row])
    with pytest.raises(UserError, match=message):
        read_labelled(str(path), Columns())


def test_two_rows_with_one_id_are_refused(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"id": "x", "text": t, "label": "none"} for t in "ab"])
    with pytest.raises(UserError, match=r":2: id 'x' stands at .*:1 already"):
        read_labelled(str(path), Columns())


def test_what_is_neither_file_nor_hub_name_is_refused():
    with pytest.raises(UserError, match=r"nowhere\.jsonl: no such file"):
        read_labelled("nowhere.jsonl", Columns())
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        read_labelled("nowhere", Columns())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope.jsonl", "no such file"),
        ("nope", "no such file or folder"),
        ("page.txt", r"cannot read rows from \.txt; use \.jsonl, \.csv, \.tsv, \.parquet"),
        ("empty.csv", "the file is empty"),
        ("folder", "a folder, but not one that `datasets` saved; name its files one by one"),
        ("pipe.parquet", "Parquet cannot be read from a pipe"),
    ],
)
def test_what_cannot_be_labelled_data_is_refused_at_once(tmp_path, name, message):
    (tmp_path / "page.txt").write_text("A page.")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(UserError, match=rf"{name}: {message}"):
        check_source(str(tmp_path / name))


def test_what_may_be_labelled_data_is_not_opened_to_check_it(tmp_path):
    part = datasets.Dataset.from_list(rows(1))
    part.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": part}).save_to_disk(tmp_path / "two")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    write_jsonl(tmp_path / "wrong.jsonl", [{"x": 1}])
    names = [str(tmp_path / name) for name in ("one", "two", "pipe", "wrong.jsonl")]
    code = (
        "import sys; from sitrep.data.reading import check_source; [check_source(name) for name in sys.argv[1:]];"
        "print(sorted({'datasets', 'pyarrow', 'huggingface_hub'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code, *names, SHIPPED, "owner/name:split"], capture_output=True)
    assert (told.stdout, told.stderr) == (b"[]\n", b"")


def test_sentences_know_their_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"a\nb",none\nc,none\n')
    assert [s.place for s in read_labelled(str(path), Columns())] == [f"{path}:2", f"{path}:4"]


def test_no_class_in_parquet_is_an_empty_label(tmp_path):
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["none"])})
    made = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, -1]}, features=kinds)
    made.to_parquet(tmp_path / "a.parquet")
    made.save_to_disk(tmp_path / "saved")
    for name in ("a.parquet", "saved"):
        with pytest.raises(UserError, match="row 2: the label is empty; write none where none"):
            read_labelled(str(tmp_path / name), Columns())


def test_rows_without_id_of_a_file_whose_name_is_not_utf8_get_ids_that_can_be_written(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    write_jsonl(Path(path), [{"text": "a", "label": "none"}])
    sentence = read_labelled(path, Columns())[0]
    assert (sentence.id, sentence.place) == ("caf\\xe9-0", f"{tmp_path}/caf\\xe9.jsonl:1")


def test_hub_name_without_network_is_one_clear_error():
    with pytest.raises(
        UserError, match=r"someone/something: no such file or folder here, and not to be had from the hub"
    ):
        read_labelled("someone/something", Columns())


@pytest.mark.slow
def test_shipped_corpus_is_read_by_its_name():
    found = read_labelled(SHIPPED, Columns())
    assert len(found) >= 1200
    assert {"region", "event", "register", "noise", "year"} <= set(found[0].fields)
