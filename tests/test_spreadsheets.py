import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitrep.storage.spreadsheets import SpreadsheetWriter, guarded, unguarded, unguarded_rows


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "'=", "''@"])
def test_text_that_could_be_a_formula_gets_an_apostrophe(start):
    assert guarded(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"


@pytest.mark.parametrize("cell", ["-12.5", "+3", "-1e-5", "'quoted' he said", "a=b", "", -4, None, True])
def test_numbers_and_ordinary_cells_stay_as_they_are(cell):
    assert guarded(cell) == cell


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n＝a1.e \""), max_size=8))
def test_guard_is_undone_exactly(text):
    assert unguarded(guarded(text)) == text


@given(st.lists(st.text(alphabet=st.sampled_from("'=+-@,\"\n a1"), max_size=6), min_size=1, max_size=4))
def test_written_rows_are_read_back_as_they_were(cells):
    file = io.StringIO(newline="")
    names = [f"c{n}" for n in range(len(cells))]
    SpreadsheetWriter(file, names).write(dict(zip(names, cells, strict=True)))
    file.seek(0)
    header, row = unguarded_rows(csv.reader(file))
    assert (header, row) == (names, cells)


def test_missing_cells_are_empty_and_nested_ones_are_json():
    file = io.StringIO(newline="")
    SpreadsheetWriter(file, ["a", "b", "c"]).write({"a": {"k": "é"}, "c": [1]})
    assert file.getvalue().splitlines()[1] == '"{""k"": ""é""}",,[1]'
