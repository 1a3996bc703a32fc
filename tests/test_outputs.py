import json
import sys

import pytest
from pyarrow import parquet

from sitrep.inference import table_files
from sitrep.inference.outputs import open_output
from sitrep.sentences import Passage, Prediction
from sitrep.storage.tables import read_rows

TABLES = pytest.mark.parametrize("ending", ["csv", "parquet"])


@pytest.fixture(autouse=True)
def small_buffer(monkeypatch):
    monkeypatch.setattr(table_files, "BUFFER_ROWS", 4)


def prediction(number, text="Four were killed.", identity=None, **fields):
    passage = Passage(identity or f"p:{number}", "p", number, 0, len(text), text, fields)
    return Prediction(passage, "casualty_report", {"casualty_report": 0.9, "none": 0.1})


def written(path, fields, **more):
    """Write one prediction for each mapping of fields, and read the file back with the project's own reader."""
    with open_output(str(path)) as write:
        for number, each in enumerate(fields):
            write(prediction(number, **each, **more))
    return [row.fields for row in read_rows(path)]


def nothing_else(path):
    return [found.name for found in path.parent.iterdir()] == [path.name]


@TABLES
def test_fields_that_some_of_the_first_rows_have_are_ordinary_columns(tmp_path, capsys, ending):
    rows = written(tmp_path / f"a.{ending}", [{}, {"a": "x"}, {"b": "y"}, {}, {"b": "z"}])
    assert list(rows[0])[-2:] == ["a", "b"]
    assert [row["a"] or None for row in rows] == [None, "x", None, None, None]
    assert [row["b"] or None for row in rows] == [None, None, "y", None, "z"]
    assert capsys.readouterr().err == ""


@TABLES
def test_field_that_comes_late_is_said_once_and_goes_into_a_last_column(tmp_path, capsys, ending):
    fields = [{"n": 1}] * 5 + [{"n": 2, "late": "é\n=1", "later": [1, None]}, {"n": 3}] + [{"late": float("nan")}] * 3
    rows = written(tmp_path / f"a.{ending}", fields)
    assert list(rows[0])[-1] == "extra"
    assert [row["extra"] or None for row in rows[:5]] == [None] * 5
    assert [json.loads(row["extra"] or "null") for row in rows[5:]] == [
        {"late": "é\n=1", "later": [1, None]}, None, *[{"late": None}] * 3,
    ]  # fmt: skip
    assert [int(row["n"] or 0) for row in rows] == [1, 1, 1, 1, 1, 2, 3, 0, 0, 0]
    assert capsys.readouterr().err.splitlines() == [
        f"a.{ending}: {name!r} is not in the first 4 rows; such values go into the last column, 'extra'"
        for name in ("late", "later")
    ]
    assert nothing_else(tmp_path / f"a.{ending}")


@TABLES
def test_field_that_goes_costs_nothing(tmp_path, capsys, ending):
    rows = written(tmp_path / f"a.{ending}", [{"n": "x"}] * 5 + [{}] * 5)
    assert [row["n"] or None for row in rows] == ["x"] * 5 + [None] * 5
    assert "extra" not in rows[0]
    assert capsys.readouterr().err == ""


@TABLES
def test_column_of_the_input_that_is_called_extra_keeps_its_name(tmp_path, ending):
    rows = written(tmp_path / f"a.{ending}", [{"extra": "mine", "extra_2": "too"}] * 5 + [{"extra": "m", "late": 1}])
    assert [row["extra"] for row in rows] == ["mine"] * 5 + ["m"]
    assert list(rows[0])[-3:] == ["extra", "extra_2", "extra_3"]
    assert json.loads(rows[5]["extra_3"]) == {"late": 1}
    late = written(tmp_path / f"b.{ending}", [{}] * 5 + [{"extra": "mine"}])
    assert json.loads(late[5]["extra"]) == {"extra": "mine"}


@TABLES
@pytest.mark.parametrize("late", [{}, {"late": 1}])
def test_rows_on_both_sides_of_the_buffer_are_all_there_in_order(tmp_path, ending, late):
    for count in (1, 3, 4, 5, 8, 9):
        rows = written(tmp_path / f"{count}.{ending}", [{}] * (count - 1) + [late])
        assert [int(row["position"]) for row in rows] == list(range(count))


@TABLES
@pytest.mark.parametrize("place", [2, 9, None])
def test_crash_leaves_nothing(tmp_path, monkeypatch, ending, place):
    def break_off(*_):
        raise OSError(5, "the disk is gone")

    def work():
        with open_output(str(tmp_path / f"a.{ending}")) as write:
            for number in range(12):
                write(prediction(number, **({"late": 1} if number > 6 else {})))
                if number == place:
                    break_off()

    if place is None:  # while what was written is copied
        monkeypatch.setattr(table_files.os, "replace", break_off)
    with pytest.raises(OSError, match="the disk is gone"):
        work()
    assert list(tmp_path.iterdir()) == []


def test_formulas_are_guarded_and_read_back_as_they_were(tmp_path):
    cells = ["=HYPERLINK(1)", "'=1", "-12.5", '+a, "b"\r\nc', "\rx", "＝x", "@é", " plain"]
    rows = written(tmp_path / "a.csv", [{"cell": cell, "=name": cell} for cell in cells] + [{"late": "=1"}])
    assert [row["cell"] for row in rows[:-1]] == [row["=name"] for row in rows[:-1]] == cells
    raw = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert "'=HYPERLINK(1)" in raw
    assert "'=name" in raw
    assert json.loads(rows[-1]["extra"]) == {"late": "=1"}


def test_parquet_value_of_another_type_goes_into_the_last_column(tmp_path, capsys):
    first = {"whole": 1, "part": 0.5, "word": "a", "flag": True, "nested": {"k": 1}, "list": [1]}
    odd = {"whole": 1.5, "part": True, "word": 7, "flag": 1, "nested": {"k": 1, "z": 2}, "list": ["x"]}
    fine = {"whole": None, "part": 2, "word": "b", "flag": False, "nested": {}, "list": []}
    rows = written(tmp_path / "a.parquet", [first] * 4 + [fine, odd, odd])
    assert {name: rows[0][name] for name in first} == first
    assert {name: rows[4][name] for name in fine} == fine | {"nested": {"k": None}}
    assert {name: rows[5][name] for name in odd} == dict.fromkeys(odd)
    assert [json.loads(row["extra"] or "null") for row in rows[4:]] == [None, odd, odd]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(odd)
    assert said[0] == (
        "a.parquet: 'whole' holds what is not of the type of its column, int64; such values go into the last column, "
        "'extra'"
    )


def test_parquet_column_of_several_types_or_none_in_the_first_rows_is_text(tmp_path, capsys):
    values = [1, "a", None, [2], 1.5, {"k": "é"}]
    rows = written(
        tmp_path / "a.parquet", [{"mixed": value, "void": None, "bare": {}} for value in values] + [{"void": 5}]
    )
    assert [row["mixed"] for row in rows] == ["1", "a", None, "[2]", "1.5", '{"k": "é"}', None]
    assert [row["void"] for row in rows] == [None] * 6 + ["5"]
    assert rows[0]["bare"] == "{}"
    assert capsys.readouterr().err == ""


def test_figures_of_a_block_stay_figures_behind_many_rows_of_plain_text(tmp_path):
    figures = [{"link_density": None, "main_text": None}] * 5 + [{"link_density": 0.25, "main_text": 0.5}]
    rows = written(tmp_path / "a.parquet", figures)
    assert [row["link_density"] for row in rows] == [None] * 5 + [0.25]
    assert rows[5]["main_text"] == 0.5


def test_parquet_types_are_kept_where_a_last_column_is_added(tmp_path):
    written(tmp_path / "a.parquet", [{"n": 1, "x": [0.5]}] * 5)
    written(tmp_path / "b.parquet", [{"n": 1, "x": [0.5]}] * 5 + [{"late": 1}])
    plain, more = (parquet.read_schema(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert list(more)[:-1] == list(plain)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_names_that_are_not_utf8_are_shown_with_backslashes(tmp_path, ending):
    rows = written(tmp_path / f"a.{ending}", [{"note": "caf\udce9"}], identity="caf\udce9:0")
    assert rows[0]["id"] == r"caf\udce9:0"
    assert r"caf\udce9" in (rows[0]["note"] or json.loads(rows[0]["extra"])["note"])


def test_names_that_are_not_utf8_reach_standard_output(capfdbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdout", open(1, "w", encoding="ascii", closefd=False))
    with open_output("-") as write:
        write(prediction(0, identity="caf\udce9:0"))
    assert json.loads(capfdbinary.readouterr().out)["id"] == r"caf\udce9:0"


def test_memory_holds_no_more_than_the_buffer(tmp_path):
    with open_output(str(tmp_path / "a.csv")) as write:
        table = write.__closure__[0].cell_contents
        for number in range(50):
            write(prediction(number, **({"late": 1} if number > 6 else {})))
            assert len(table.waiting) < 4
