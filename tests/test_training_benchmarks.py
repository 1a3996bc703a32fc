import sys

import pytest
from conftest import script

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("beside_each_other")]


def table(monkeypatch, capsys, name, *arguments):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    script(name).main()
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


def test_table_of_a_gpu_can_be_tried_on_a_cpu(toy_file, monkeypatch, capsys):
    given = ["backbones=tiny", "batch_sizes=8", "lora=2", "steps=4", "trainer.precision=fp32", f"data={toy_file}"]
    rows = table(monkeypatch, capsys, "gpu_training", *given)
    assert [row[0] for row in rows] == ["tiny", "tiny, LoRA of rank 2", "tiny, layers computed again"]
    assert all(float(row[3].replace(",", "")) > 0 for row in rows)


def test_profile_parts_a_step_and_its_shares_sum_to_one(toy_file, monkeypatch, capsys):
    given = ["steps=2", "model=tiny", "trainer.precision=fp32", "trainer.epochs=9", f"data={toy_file}"]
    rows = table(monkeypatch, capsys, "training_profile", *given, "trainer.batch_size=8")
    assert sum(float(row[1]) for row in rows) > 0
    assert 95 <= sum(float(row[2].rstrip("%")) for row in rows) <= 105


def test_both_ways_are_trained_to_their_end_and_scored(toy_file, monkeypatch, capsys):
    given = ["units=20", "seeds=1", "model=tiny", "trainer.precision=fp32", "trainer.epochs=1", f"data={toy_file}"]
    rows = table(monkeypatch, capsys, "training", *given)
    assert [row[0] for row in rows] == ["1", "mean"]
    assert all(0 <= float(figure) <= 1 for row in rows for figure in row[1:])
