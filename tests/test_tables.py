import io
import os
import threading
from pathlib import Path

import datasets
import pyarrow
import pytest
from pyarrow import parquet

from sitrep.errors import UserError
from sitrep.storage.complete import shown
from sitrep.storage.tables import read_row_stream, read_rows, whole_number


def fields(path):
    return [row.fields for row in read_rows(path)]


def test_jsonl_rows_keep_their_types_and_their_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "é", "n": 1}\n\n{"text": "b", "n": null}\n', encoding="utf-8")
    assert [(row.place, row.fields) for row in read_rows(path)] == [
        (f"{path}:1", {"text": "é", "n": 1}),
        (f"{path}:3", {"text": "b", "n": None}),
    ]


def test_csv_cells_may_hold_commas_quotes_and_line_breaks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"He said ""no"",\nthen left",none\nb,none\n', encoding="utf-8")
    rows = list(read_rows(path))
    assert rows[0].fields == {"text": 'He said "no",\nthen left', "label": "none"}
    assert [row.place for row in rows] == [f"{path}:2", f"{path}:4"]


def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbftext\na\n")
    assert fields(path) == [{"text": "a"}]


def test_tsv_and_parquet_hold_the_same_rows(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\na, b\tnone\n", encoding="utf-8")
    parquet.write_table(pyarrow.table({"text": ["a, b"], "label": ["none"]}), tmp_path / "a.parquet")
    assert fields(tmp_path / "a.tsv") == fields(tmp_path / "a.parquet") == [{"text": "a, b", "label": "none"}]


def test_positions_of_a_table_with_gaps_are_the_same_in_csv_and_parquet(tmp_path):
    (tmp_path / "a.csv").write_text("text,position\na,0.0\nb,1.0\nc,\nd,12.0\n", encoding="utf-8")
    columns = {"text": ["a", "b", "c", "d"], "position": [0.0, 1.0, None, 12.0]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        rows = read_rows(tmp_path / name)
        assert [whole_number(row.fields["position"], "position", row.place) for row in rows] == [0, 1, None, 12]


@pytest.mark.parametrize("cell", ["1.5", "1.", ".0", "1e2", "one", "1.0.0", "nan", True, 1.5, float("inf")])
def test_what_is_no_whole_number_is_refused_with_its_place(cell):
    with pytest.raises(UserError, match=r"^a\.csv:2: position must be a whole number, not "):
        whole_number(cell, "position", "a.csv:2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b"\n\n", "holds no rows"),
        ("a.csv", b"text,label\n", "holds no rows"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "b', r"a.jsonl:2: not valid JSON .*cut off"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"a.jsonl:2: not valid JSON"),
        ("a.jsonl", b'["a"]\n', r"a.jsonl:1: a row must be a JSON object, not list"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', r"a.jsonl:1: byte 14 \(0xe9\) is not UTF-8"),
        ("a.csv", b"text\nok\na\0b\n", r"a.csv:3: holds a NUL byte"),
        ("a.csv", b"text,label\na,b,c\n", r"a.csv:2: has 3 fields where the header has 2"),
        ("a.csv", b"text,\nok,\na,b\n", r"a.csv:3: 'b' stands in column 2, whose header is empty; name it or clear it"),
        ("a.csv", b"text\nok,,\na,,b\n", r"a.csv:3: has 3 fields where the header has 1"),
        ("a.csv", b"text;label;;\na;b;;\n", r"a.csv:1: the only column is 'text;label;;'; part columns by commas"),
        ("a.csv", b"text;label,\na;b,\n", r"a.csv:1: the only column is 'text;label'; part columns by commas"),
        ("a.csv", b"text,text\na,b\n", r"a.csv:1: column 'text' stands twice"),
        ("a.csv", b'text\n"never closed\n', r"a.csv:2: malformed"),
        ("a.parquet", b"PAR1 but not really", "not a readable Parquet file"),
        ("a.xlsx", b"PK", "cannot read rows from .xlsx; use .jsonl"),
    ],
)
def test_broken_files_are_refused_with_file_and_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        fields(tmp_path / name)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        fields(tmp_path / "nope.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        fields(tmp_path / "folder.jsonl")


def test_what_spreadsheets_leave_around_a_table_is_passed_over(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b",,,\r\n,text, ,label\r\n,a,,none,,\r\n, ,,\r\n\r\n,b,  ,none\r\n,,,,,\r\n")
    assert [(row.place, row.fields) for row in read_rows(path)] == [
        (f"{path}:3", {"text": "a", "label": "none"}),
        (f"{path}:6", {"text": "b", "label": "none"}),
    ]


@pytest.mark.parametrize("ending", ["", ".data"])
@pytest.mark.parametrize(
    "content",
    [b'\xef\xbb\xbf\n {"text": "a, b"}\n', b'\n\ntext\n"a, b"\n', b'text\tn\n"a, b"\t\n', b'{"text": "a, b"}'],
)
def test_pipe_is_read_once_as_what_comes_out_of_it(tmp_path, content, ending):
    path = tmp_path / f"pipe{ending}"
    os.mkfifo(path)
    halves = content[: len(content) // 2], content[len(content) // 2 :]

    def write():
        with path.open("wb", buffering=0) as file:
            for half in halves:
                file.write(half)

    writer = threading.Thread(target=write)
    writer.start()
    assert [row["text"] for row in fields(path)] == ["a, b"]
    writer.join()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PAR1\x00", "pipe: Parquet cannot be read from a pipe"), (b" [{}]", "is a JSON array"), (b"", "holds no rows")],
)
def test_what_a_pipe_cannot_hold_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        list(read_row_stream(io.BytesIO(content), "pipe", None))


def test_parquet_from_a_pipe_and_files_of_unknown_ending_are_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(UserError, match="Parquet cannot be read from a pipe; save it as a file"):
        fields(tmp_path / "pipe.parquet")
    (tmp_path / "plain").write_text('{"text": "a"}')
    with pytest.raises(UserError, match="plain: cannot read rows from a file without ending"):
        fields(tmp_path / "plain")


def test_standard_input_that_is_a_file_is_read_as_a_pipe_is(tmp_path):
    (tmp_path / "rows").write_text("text\na\n")
    with (tmp_path / "rows").open("rb") as file:
        assert fields(Path(f"/dev/fd/{file.fileno()}")) == [{"text": "a"}]


def test_class_numbers_in_parquet_are_read_by_their_names(tmp_path):
    kinds = datasets.ClassLabel(names=["boilerplate", "none"])
    features = datasets.Features({"label": kinds, "labels": datasets.List(kinds), "n": datasets.Value("int64")})
    content = {"label": [1, 0, -1, None], "labels": [[1, 0], [], None, [-1]], "n": [0, 1, -1, None]}
    datasets.Dataset.from_dict(content, features=features).to_parquet(tmp_path / "a.parquet")
    assert fields(tmp_path / "a.parquet") == [
        {"label": "none", "labels": ["none", "boilerplate"], "n": 0},
        {"label": "boilerplate", "labels": [], "n": 1},
        {"label": None, "labels": None, "n": -1},
        {"label": None, "labels": [None], "n": None},
    ]


@pytest.mark.parametrize("recorded", [b"", b"[]", b"{}", b'{"info": null}', b'{"info": {"features": {"n": 3}}}'])
def test_parquet_with_other_metadata_under_that_name_is_read_all_the_same(tmp_path, recorded):
    table = pyarrow.table({"n": [1]}).replace_schema_metadata({b"huggingface": recorded})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert fields(tmp_path / "a.parquet") == [{"n": 1}]


def test_a_name_that_is_not_utf8_is_shown_with_escapes(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 [1].csv"))
    path.write_text("text,label\na\n")
    assert shown(path) == f"{tmp_path}/caf\\xe9 [1].csv"
    with pytest.raises(UserError, match=r"caf\\xe9 \[1\]\.csv:2: has 1 fields"):
        fields(path)
    assert shown("é.csv") == "é.csv"
