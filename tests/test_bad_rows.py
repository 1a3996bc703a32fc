"""One bad row costs itself only, in every kind of table."""

import pyarrow
import pytest
from pyarrow import parquet

from sitrep.errors import UserError
from sitrep.inference.inputs import InputSource
from sitrep.storage import tables


def read(path, **settings):
    """Texts that could be read, and what was said of the others."""
    refused = []
    texts = [passage.text for passage in InputSource(str(path), **settings).passages(refused.append)]
    return texts, [str(error).removeprefix(f"{path.parent}/") for error in refused]


def test_bad_lines_of_json_are_left_out_and_the_others_keep_their_numbers(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        b'{"text": "one"}\n{"text": "caf\xe9"}\n{"text": "a\0b"}\n{"text": ""}\n{"text": 3}\n[1]\n{"text": "x", "posi\n'
        b'{"text": "two", "position": "first"}\n{"other": "x"}\n{"text": "nine"}\n'
    )
    texts, said = read(tmp_path / "a.jsonl")
    assert texts == ["one", "nine"]
    assert [line.split(":")[1] for line in said] == ["2", "3", "4", "5", "6", "7", "8", "9"]
    assert said[0] == "a.jsonl:2: byte 14 (0xe9) is not UTF-8; save the file as UTF-8"
    assert said[1].startswith("a.jsonl:3: holds a NUL byte")
    assert said[3] == "a.jsonl:5: text must be text, not 3"


def test_bad_rows_of_csv_are_left_out_also_where_a_cell_goes_over_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        b'id,text\n1,one\n2,"first\nsecond caf\xe9\nthird"\n3,a\0b\n4\n5,\n6,"six\nlines"\n7,caf\xc3\xa9\n'
    )
    texts, said = read(tmp_path / "a.csv")
    assert texts == ["one", "six\nlines", "café"]
    assert said == [
        "a.csv:3: byte 0xe9 is not UTF-8; save the file as UTF-8",
        "a.csv:6: holds a NUL byte; is this a text file in UTF-8?",
        "a.csv:7: has 1 fields where the header has 2; is a quote or a comma missing?",
        "a.csv:8: the text is empty; fill it or remove the row",
    ]


def test_header_that_is_not_utf_8_and_an_open_quote_end_the_file(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,caf\xe9\none,1\n")
    assert read(tmp_path / "a.csv") == ([], ["a.csv:1: byte 0xe9 is not UTF-8; save the file as UTF-8"])
    (tmp_path / "b.csv").write_text('text\none\n"two\nthree\n')
    assert read(tmp_path / "b.csv") == (["one"], ["b.csv:3: malformed: unexpected end of data"])


def test_bad_rows_of_parquet_are_left_out(tmp_path):
    spoilt = pyarrow.array([b"one", b"caf\xe9", b"", b"four"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"text": spoilt}), tmp_path / "a.parquet")
    texts, said = read(tmp_path / "a.parquet")
    assert texts == ["one", "four"]
    assert said[0].startswith("a.parquet:row 2: holds what is no value of its type: 'utf-8' codec can't decode")
    assert said[1] == "a.parquet:row 3: the text is empty; fill it or remove the row"


def test_column_of_another_type_is_refused_row_by_row(tmp_path):
    parquet.write_table(pyarrow.table({"text": [1, 2]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[1] == [f"a.parquet:row {n}: text must be text, not {n}" for n in (1, 2)]


@pytest.mark.parametrize("end", ["\n", ""])
def test_line_that_is_too_long_is_left_out_and_never_held_as_a_whole(tmp_path, monkeypatch, end):
    monkeypatch.setattr(tables, "LONGEST_LINE", 2**21)
    long = '{"text": "' + "x" * 2**22 + '"}'
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n' + long + '\n{"text": "two"}\n' + long + end)
    texts, said = read(tmp_path / "a.jsonl")
    assert texts == ["one", "two"]
    assert said == [f"a.jsonl:{n}: the line is longer than 2 MiB" for n in (2, 4)]


def test_strict_ends_the_reading_at_the_first_bad_row(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}\n{"text": "caf\xe9"}\n{"text": "two"}\n')
    given = InputSource(str(tmp_path / "a.jsonl"), strict=True).passages(lambda error: None)
    assert next(given).text == "one"
    with pytest.raises(UserError, match=r"a\.jsonl:2: byte 14 \(0xe9\) is not UTF-8"):
        next(given)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.txt"])
def test_meter_has_read_the_whole_file_at_its_end_and_a_part_of_it_before(tmp_path, name):
    if name.endswith("parquet"):
        parquet.write_table(pyarrow.table({"text": [f"row {n}" for n in range(9000)]}), tmp_path / name)
    elif name.endswith("jsonl"):
        (tmp_path / name).write_text('{"text": "row"}\n' * 9000)
    else:
        (tmp_path / name).write_text("text\n" + "row\n" * 9000)
    source = InputSource(str(tmp_path / name))
    source.meter.expect(path for path, _ in source.named_files())
    seen = [source.meter.read for _ in source.passages()]
    assert seen == sorted(seen)
    assert name == "a.txt" or 0 < seen[4000] < source.meter.total
    assert source.meter.read == source.meter.total == (tmp_path / name).stat().st_size
