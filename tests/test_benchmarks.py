import sys
from dataclasses import replace

import pytest
from conftest import BENCHMARKS, TAXONOMY, script

from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainerSettings

pytestmark = pytest.mark.usefixtures("beside_each_other")
UNIT = LabelledSentence("shells hit the bridge", "attack_description", ("attack_description",), "a-0", "a", 0)
SPLIT = Split((UNIT,), (replace(UNIT, article_id="b"),), (replace(UNIT, article_id="c"),))
SCORED = {"own test": SPLIT.test, "other": (replace(UNIT, article_id="d"),)}
OTHER_TEXT = replace(UNIT, text="gunmen stormed the post")


def command_line(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    return script("arguments")


@pytest.mark.slow
def test_every_script_can_be_imported():
    for path in BENCHMARKS.glob("*.py"):
        script(path.stem)


def test_options_are_told_from_rows_that_hold_an_equals_sign(monkeypatch):
    found = command_line(monkeypatch, "seeds=1,2", "model=tiny;trainer.epochs=1", "default")
    assert found.part_arguments({"seeds"}) == ({"seeds": "1,2"}, ["model=tiny;trainer.epochs=1", "default"])


def test_a_misspelt_option_is_refused(monkeypatch):
    with pytest.raises(SystemExit, match="set=5: no such option; there are sets"):
        command_line(monkeypatch, "set=5").options("sets")


@pytest.mark.slow
def test_the_key_of_a_run_follows_settings_data_and_scored_sets_and_not_the_words_of_the_row(monkeypatch):
    accuracy = script("accuracy")
    key = accuracy.key_of("default", 1, SPLIT, SCORED)
    assert accuracy.key_of("trainer.epochs=3", 1, SPLIT, SCORED) == key  # what is the default anyway
    changed = [
        accuracy.key_of("default", 2, SPLIT, SCORED),
        accuracy.key_of("trainer.epochs=4", 1, SPLIT, SCORED),
        accuracy.key_of("peer:TF-IDF", 1, SPLIT, SCORED),
        accuracy.key_of("peer:TF-IDF", 2, SPLIT, SCORED),
        accuracy.key_of("default", 1, replace(SPLIT, train=(OTHER_TEXT,)), SCORED),
        accuracy.key_of("default", 1, replace(SPLIT, validation=(replace(UNIT, label="none"),)), SCORED),
        accuracy.key_of("default", 1, SPLIT, SCORED | {"other": (OTHER_TEXT,)}),
        accuracy.key_of("default", 1, SPLIT, {"own test": SPLIT.test}),
    ]
    monkeypatch.setattr(accuracy, "settings_of", with_another_default(accuracy.settings_of))
    changed.append(accuracy.key_of("default", 1, SPLIT, SCORED))
    assert len({key, *changed}) == 1 + len(changed)


def with_another_default(settings_of):
    return lambda row, seed: replace(settings_of(row, seed), trainer=TrainerSettings(weight_decay=0.02))


def test_a_row_cannot_change_what_the_table_shares():
    with pytest.raises(SystemExit, match="cannot be changed for a row"):
        script("accuracy").settings_of("labels=four", 1)


def test_other_files_are_sets_of_their_own(toy_file):
    accuracy = script("accuracy")
    assert [len(units) for units in accuracy.read_others(str(toy_file)).values()] == [120]
    assert accuracy.read_others("") == {}
    with pytest.raises(SystemExit, match="a name of its own"):
        accuracy.read_others(f"{toy_file},{toy_file}")
    with pytest.raises(UserError, match="no such file"):
        accuracy.read_others("missing.jsonl")


def test_a_kept_run_is_not_trained_again(tmp_path, monkeypatch):
    accuracy = script("accuracy")
    trained = []

    def train(row, seed, split, taxonomy, scored):
        trained.append(seed)
        return accuracy.Run({name: 0.5 for name in scored}, {name: ["none"] for name in scored})

    monkeypatch.setattr(accuracy, "train", train)
    experiment = accuracy.Experiment(SPLIT, SCORED, [1, 2], tmp_path)
    runs = [experiment.measure("peer:TF-IDF", seed, 0) for seed in (1, 2, 1)]
    assert trained == [1, 2]
    assert runs[0] == runs[2]


def test_a_table_has_a_column_and_a_p_value_for_each_scored_set(toy_file, capsys):
    accuracy = script("accuracy")
    scored = {name: accuracy.read_others(str(toy_file))["toy"] for name in ("own test", "first", "second")}
    right = {name: [unit.label for unit in units] for name, units in scored.items()}
    wrong = right | {"second": ["none"] * 120}
    table = {
        row: [accuracy.Run({n: accuracy.macro_f1(scored[n], given[n], TAXONOMY) for n in scored}, given)]
        for row, given in {"default": right, "peer:X": wrong}.items()
    }
    accuracy.print_table(table, scored)
    heading, _, _, peer = capsys.readouterr().out.strip().splitlines()
    assert heading == "| row | own test | first | second | p, own test | p, first | p, second |"
    assert peer == "| `peer:X` | 1.000 | 1.000 | 0.000 | 1.000 | 1.000 | – |"


def test_any_table_of_texts_and_labels_brings_its_own_taxonomy(tmp_path):
    public = script("public")
    rows = ["sentence\tkind"] + [f"text {n}\t{('b', 'none', '7')[n % 3]}" for n in range(60)]
    (tmp_path / "toy.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    taxonomy, (units,) = public.read([str(tmp_path / "toy.tsv")], "sentence", "kind")
    assert (taxonomy.labels, taxonomy.negative, taxonomy.averaged) == (("7", "b", "none"), "none", ("7", "b"))
    assert [unit.labels for unit in units[:3]] == [("b",), (), ("7",)]
    split = public.divide([units], seed=1)
    assert {name: len(part) for name, part in split.parts().items()} == {"train": 43, "validation": 5, "test": 12}
    assert public.divide([units], seed=1) == split != public.divide([units], seed=2)
    assert public.divide([units, units[:4]], seed=1).test == tuple(units[:4])
    with pytest.raises(SystemExit, match="two labels or more"):
        public.read([str(tmp_path / "toy.tsv")], "sentence", "wrong")
