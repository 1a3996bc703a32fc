import sys

import pytest

from sitrep.evaluation.provenance import command_line


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("data=/home/anna/corpora/mine.csv", "'data=…/mine.csv'"),
        ("data.test_files=[/home/anna/a.csv,~/b c.csv,in/c.csv]", "'data.test_files=[…/a.csv,…/b c.csv,in/c.csv]'"),
        (r"data=C:\Users\anna\mine.csv", "'data=…/mine.csv'"),
        ("output_dir=outputs/train/{time}", "'output_dir=outputs/train/{time}'"),
        ("data.label_map={attack: attack_description}", "'data.label_map={attack: attack_description}'"),
        ("model=~anna/encoder", "'model=…/encoder'"),
    ],
)
def test_command_is_kept_without_the_folders_that_name_users(monkeypatch, argument, kept):
    monkeypatch.setattr(sys, "argv", ["/home/anna/sitrep/scripts/train.py", argument])
    assert command_line() == f"python scripts/train.py {kept}"
