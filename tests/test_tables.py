import pyarrow
import pytest
from pyarrow import parquet

from sitrep.errors import UserError
from sitrep.storage.tables import read_rows


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
