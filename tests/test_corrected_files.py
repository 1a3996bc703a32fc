import csv
import io
import json
import os
from pathlib import Path

import datasets
import pyarrow
import pytest
from conftest import TAXONOMY, rows, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from sitrep.cli.composition import compose_settings
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.errors import UserError
from sitrep.quality.corrected_files import write_corrected
from sitrep.quality.corrections import Correction, corrected, read_corrections
from sitrep.quality.rewriting import rewrite
from sitrep.quality.run import check_data
from sitrep.settings import CheckSettings


def correct(folder, sources, labels, columns=None):
    """Correct units, by place without the folder, and return the folder of corrected files."""
    columns = columns or Columns()
    read = {s.place: s for source in dict.fromkeys(sources) for s in read_labelled(source, columns)}
    found = {}
    for place, label in labels.items():
        sentence = read.get(place) or read[f"{folder}/{place}"]
        found[sentence.place] = Correction(sentence, corrected(sentence, label, TAXONOMY))
    write_corrected(folder / "corrected", sources, columns, found)
    return folder / "corrected"


def apply(tmp_path, table, *overrides):
    (tmp_path / "table.csv").write_text(table)
    fixed = [f"output_dir={tmp_path / 'result'}", "label_errors=false", f"apply={tmp_path / 'table.csv'}"]
    return check_data(compose_settings("check_data", CheckSettings, [*fixed, *overrides]))


CSV_BYTES = (
    b'\xef\xbb\xbf"text",label,labels,note,\r\n'
    b'"He said ""no"",\r\nthen left",none,,"=1+1",\r\n'
    b"\r\n"
    b'b,"none","official_statement|boilerplate",\'=x,\r\n'
    b",,,,\r\n"
    b"c, none ,[],x,"
)


def test_csv_keeps_every_byte_but_the_label_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV_BYTES.replace(b"official_statement|boilerplate", b"official_statement"))
    folder = correct(tmp_path, [str(path)], {"a.csv:5": "official_statement", "a.csv:7": "casualty_report"})
    expected = path.read_bytes().replace(
        b'b,"none","official_statement"', b'b,"official_statement","official_statement"'
    )
    expected = expected.replace(b"c, none ,[],x,", b'c,casualty_report,"[""casualty_report""]",x,')
    assert (folder / "a.csv").read_bytes() == expected


def test_tsv_keeps_every_byte_but_the_label_cell(tmp_path):
    path = tmp_path / "a.TSV"
    path.write_bytes(b'label\ttext\nnone\ta, "b"\nnone\tc\n')
    folder = correct(tmp_path, [str(path)], {"a.TSV:2": "boilerplate"})
    assert (folder / "a.TSV").read_bytes() == b'label\ttext\nboilerplate\ta, "b"\nnone\tc\n'


def test_jsonl_keeps_every_byte_but_the_values_of_the_labels(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"label":"none", "text":"caf\\u00e9 {\\"label\\": 1}", "more": {"label": "x"}, "labels":[]}\r\n'
        b"\n"
        b'  {"text" : "b","label" :\t"none" ,"n":1.50}  \r\n'
        b'{"text": "c", "label": "none"}'
    )
    folder = correct(tmp_path, [str(path)], {"a.jsonl:1": "casualty_report", "a.jsonl:3": "boilerplate"})
    expected = path.read_bytes().replace(b'"label":"none"', b'"label":"casualty_report"', 1)
    expected = expected.replace(b'"labels":[]', b'"labels":["casualty_report"]').replace(
        b'"label" :\t"none"', b'"label" :\t"boilerplate"'
    )
    assert (folder / "a.jsonl").read_bytes() == expected


def test_parquet_keeps_its_schema_its_class_numbers_and_all_other_cells(tmp_path):
    kinds = datasets.ClassLabel(names=["boilerplate", "none"])
    features = {"text": datasets.Value("large_string"), "label": kinds, "labels": datasets.List(kinds)}
    features |= {"when": datasets.Value("timestamp[us]"), "n": datasets.Value("float32")}
    content = {"text": ["a", "b"], "label": [1, 1], "labels": [[], []], "when": [0, None], "n": [0.1, None]}
    folder = tmp_path / "year=2020"
    folder.mkdir()
    datasets.Dataset.from_dict(content, features=datasets.Features(features)).to_parquet(folder / "a.parquet")
    made = correct(tmp_path, [str(folder / "a.parquet")], {f"{folder}/a.parquet:row 2": "boilerplate"})
    recorded = [parquet.read_metadata(path).metadata for path in (folder / "a.parquet", made / "a.parquet")]
    assert recorded[0].keys() == recorded[1].keys() > {b"huggingface"}
    before, after = parquet.read_table(folder / "a.parquet", partitioning=None), parquet.read_table(made / "a.parquet")
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.drop(["label", "labels"]).equals(before.drop(["label", "labels"]))
    assert (after["label"].to_pylist(), after["labels"].to_pylist()) == ([1, 0], [[], [0]])


def test_parquet_of_categories_is_corrected_and_a_class_that_it_lacks_is_refused(tmp_path):
    words = pyarrow.array(["none", "none"]).dictionary_encode()
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": words}), tmp_path / "a.parquet")
    made = correct(tmp_path, [str(tmp_path / "a.parquet")], {"a.parquet:row 1": "boilerplate"})
    assert [s.label for s in read_labelled(str(made / "a.parquet"), Columns())] == ["boilerplate", "none"]
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["none"])})
    datasets.Dataset.from_dict({"text": ["a"], "label": [0]}, features=kinds).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b\.parquet: column 'label' holds int64 and cannot hold"):
        correct(tmp_path, [str(tmp_path / "b.parquet")], {"b.parquet:row 1": "boilerplate"})


def test_labels_are_written_in_the_names_and_columns_of_the_user(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Code,Also,Sentence\nATT,ATT| toll,a\n-,,b\nstrike,,c\n")
    meanings = {"hit": "attack_description", "strike": "attack_description", "ATT": "attack_description"}
    columns = Columns("Sentence", "Code", "Also", label_map=meanings | {"toll": "casualty_report", "-": "none"})
    changes = {"a.csv:2": "official_statement", "a.csv:3": "attack_description", "a.csv:4": "none"}
    folder = correct(tmp_path, [str(path)], changes, columns)
    assert (folder / "a.csv").read_text() == (
        "Code,Also,Sentence\nofficial_statement,official_statement| toll,a\nstrike,,b\n-,,c\n"
    )


def test_label_numbers_stay_numbers_in_jsonl(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "a", "label": 0, "labels": []}, {"text": "b", "label": 0}])
    columns = Columns(label_map={"0": "none", "4": "boilerplate"})
    folder = correct(tmp_path, [str(path)], {"a.jsonl:2": "boilerplate"}, columns)
    assert json.loads((folder / "a.jsonl").read_text().splitlines()[1]) == {"text": "b", "label": 4}


def test_each_source_gets_its_own_corrections_and_others_are_not_written(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        write_jsonl(tmp_path / name / "rows.jsonl", [{"id": "same", "text": name, "label": "none"}])
    sources = [str(tmp_path / name / "rows.jsonl") for name in "abc"]
    folder = correct(tmp_path, sources, {"a/rows.jsonl:1": "boilerplate", "c/rows.jsonl:1": "casualty_report"})
    assert {item.name: json.loads(item.read_text())["label"] for item in folder.iterdir()} == {
        "rows.jsonl": "boilerplate",
        "3-rows.jsonl": "casualty_report",
    }


def test_sources_that_are_no_files_are_written_as_jsonl_with_all_columns(tmp_path):
    datasets.Dataset.from_list([{"text": t, "label": "none", "region": "Mali"} for t in "ab"]).save_to_disk(
        tmp_path / "saved"
    )
    folder = correct(tmp_path, [str(tmp_path / "saved")], {"saved:row 2": "boilerplate"})
    assert [item.name for item in folder.iterdir()] == ["saved.jsonl"]
    assert [json.loads(line) for line in (folder / "saved.jsonl").read_text().splitlines()] == [
        {"text": "a", "label": "none", "region": "Mali"},
        {"text": "b", "label": "boilerplate", "region": "Mali"},
    ]


@pytest.mark.slow
def test_the_shipped_corpus_is_written_with_its_corrections(tmp_path):
    shipped = read_labelled(SHIPPED, Columns())
    assert shipped[0].label != "none"
    folder = correct(tmp_path, [SHIPPED], {f"{SHIPPED}:row 1": "none"})
    after = read_labelled(str(folder / "corpus.jsonl"), Columns())
    assert [s.label for s in after] == ["none", *(s.label for s in shipped[1:])]
    assert after[1].fields == shipped[1].fields


def two_files(tmp_path):
    """Training and test rows; the ids of the first rows are the same in both."""
    train, test = rows(12), [row | {"article_id": f"t{row['article_id']}"} for row in rows(4)]
    for row in test:
        row["text"] = f"the other {row['text']} of the test"
    files = write_jsonl(tmp_path / "train.jsonl", train), write_jsonl(tmp_path / "test.jsonl", test)
    return (*files, [f"data={files[0]}", f"data.test_files=[{files[1]}]"])


def test_a_correction_by_place_changes_one_row_of_one_file_also_where_labels_are_left_out(tmp_path, capsys):
    _, test, data = two_files(tmp_path)
    table = f"place,id,label,correct_label\n{test}:1,a0-0,attack_description,casualty_report\n{test}:5,,none,none\n"
    folder = apply(tmp_path, table, *data, "labels=four")
    assert [item.name for item in (folder / "corrected").iterdir()] == ["test.jsonl"]
    before, after = test.read_bytes().splitlines(), (folder / "corrected" / "test.jsonl").read_bytes().splitlines()
    assert json.loads(after[0])["label"] == "casualty_report"
    assert after[1:] == before[1:]
    assert f"1 labels corrected: {folder}/corrected/test.jsonl (1)" in capsys.readouterr().err


def test_a_correction_by_id_is_refused_where_two_files_hold_the_id(tmp_path):
    train, test, data = two_files(tmp_path)
    with pytest.raises(UserError) as refused:
        apply(tmp_path, "id,label,correct_label\na0-0,attack_description,none\n", *data)
    assert f"'a0-0' stands at {train}:1 and at {test}:1; say which one in a column `place`" in str(refused.value)
    folder = apply(tmp_path, "id,label,correct_label\na11-0,attack_description,none\n", *data)
    assert [item.name for item in (folder / "corrected").iterdir()] == ["train.jsonl"]


def test_a_row_that_left_out_labels_hid_can_be_corrected(tmp_path, toy_file):
    folder = apply(tmp_path, "id,label,correct_label\na0-4,none,boilerplate\n", f"data={toy_file}", "labels=four")
    assert json.loads((folder / "corrected" / "toy.jsonl").read_text().splitlines()[4])["label"] == "boilerplate"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{toy}:999,x,none,boilerplate,", "no unit at .*toy.jsonl:999 in the data; name the data as when"),
        ("{toy}:5,x,none,boilerplate,other words", "unit 'a0-4' at .*:5 has another text; the data changed"),
        ("{toy}:5,,none,boilerplate,\n{toy}:5,,none,casualty_report,", "has another correct_label above; keep one"),
    ],
)
def test_corrections_that_do_not_fit_are_refused_in_one_line(tmp_path, toy_file, row, message):
    with pytest.raises(UserError, match=message) as refused:
        apply(tmp_path, f"place,id,label,correct_label,text\n{row.format(toy=toy_file)}\n", f"data={toy_file}")
    assert "\n" not in str(refused.value)


def test_a_table_without_a_changed_label_writes_no_file(tmp_path, toy_file, capsys):
    folder = apply(tmp_path, "id,label,correct_label\na0-4,none,none\na0-3,boilerplate,\n", f"data={toy_file}")
    assert not (folder / "corrected").exists()
    assert "no label corrected: no row of" in capsys.readouterr().err


def test_corrections_of_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UserError, match=r"apply: .*pipe\.jsonl is a pipe and cannot be written"):
        apply(tmp_path, "id,label,correct_label\n", f"data={tmp_path / 'pipe.jsonl'}")


@pytest.mark.parametrize(
    "name", ["a b.csv", "a[1], =é'\"{x}.csv", "данные.csv", "=a:1.csv", os.fsdecode(b"caf\xe9.csv")]
)
def test_files_of_any_name_are_examined_and_corrected(tmp_path, name, capsys):
    with (tmp_path / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "article_id", "text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows(12))
    settings = compose_settings("check_data", CheckSettings, ["label_errors=false"])
    settings.output_dir, settings.data.train_files = str(tmp_path / "one"), [str(tmp_path / name)]
    result = json.loads((check_data(settings) / "check.json").read_text(encoding="utf-8"))
    assert result["settings"]["data"]["train_files"] == [str(tmp_path / name)]
    assert "\udce9" not in result["sources"][0]["source"]
    sentence = read_labelled(str(tmp_path / name), Columns())[0]
    (tmp_path / "table.jsonl").write_text(
        json.dumps({"place": sentence.place, "id": "", "label": sentence.label, "correct_label": "none"})
    )
    settings.output_dir, settings.apply = str(tmp_path / "two"), str(tmp_path / "table.jsonl")
    made = check_data(settings) / "corrected" / name
    assert [s.label for s in read_labelled(str(made), Columns())][:2] == ["none", "official_statement"]
    assert "1 labels corrected" in capsys.readouterr().err


CELL = st.text(alphabet="ab,\"\n\r\t;é '=", max_size=6)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5), st.sampled_from(",\t"), st.booleans(), st.data())
def test_rewriting_changes_the_asked_cell_of_any_table(tmp_path_factory, content, delimiter, quoted, data):
    folder = tmp_path_factory.getbasetemp()
    kind = "csv" if delimiter == "," else "tsv"
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    parts = []
    for cells in (("one", "label", "three"), *content):
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, quoting=quoting).writerow(cells)
        parts.append(text.getvalue().encode())
    index = data.draw(st.integers(1, len(content)))
    (folder / "old").write_bytes(b"".join(parts))
    line = 1 + sum(part.count(b"\n") for part in parts[:index])
    rewrite(folder / "old", Path(folder / "new"), kind, {line: {"label": 'new, "x"'}})
    new = (folder / "new").read_bytes()
    before, after = b"".join(parts[:index]), b"".join(parts[index + 1 :])
    assert new.startswith(before)
    assert new.endswith(after)
    middle = new[len(before) : len(new) - len(after)].decode()
    changed = next(csv.reader(io.StringIO(middle, newline=""), delimiter=delimiter, strict=True))
    assert changed == [content[index - 1][0], 'new, "x"', content[index - 1][2]]


def test_corrections_are_read_from_a_guarded_table(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"id": "-x", "text": "=1+1 he said", "label": "none"}])
    sentences = read_labelled(str(path), Columns())
    (tmp_path / "t.csv").write_text("id,label,text,correct_label\n'-x,none,'=1+1 he said,boilerplate\n")
    found = read_corrections(tmp_path / "t.csv", sentences, TAXONOMY)
    assert [correction.after.label for correction in found.values()] == ["boilerplate"]
