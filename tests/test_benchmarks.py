import json
import sys
import zipfile
from dataclasses import replace

import pytest
from conftest import BENCHMARKS, TAXONOMY, script, write_jsonl

from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainerSettings, TrainSettings

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
    key = accuracy.key_of("default", 1, SPLIT, SCORED, True)
    assert accuracy.key_of("trainer.batch_size=32", 1, SPLIT, SCORED, True) == key  # what is the default anyway
    changed = [
        accuracy.key_of("default", 2, SPLIT, SCORED, True),
        accuracy.key_of("trainer.epochs=4", 1, SPLIT, SCORED, True),
        accuracy.key_of("peer:TF-IDF", 1, SPLIT, SCORED, True),
        accuracy.key_of("peer:TF-IDF", 2, SPLIT, SCORED, True),
        accuracy.key_of("default", 1, replace(SPLIT, train=(OTHER_TEXT,)), SCORED, True),
        accuracy.key_of("default", 1, replace(SPLIT, validation=(replace(UNIT, label="none"),)), SCORED, True),
        accuracy.key_of("default", 1, SPLIT, SCORED | {"other": (OTHER_TEXT,)}, True),
        accuracy.key_of("default", 1, SPLIT, {"own test": SPLIT.test}, True),
        accuracy.key_of("default", 1, SPLIT, SCORED, False),
    ]
    monkeypatch.setattr(accuracy, "settings_of", with_another_default(accuracy.settings_of))
    changed.append(accuracy.key_of("default", 1, SPLIT, SCORED, True))
    assert len({key, *changed}) == 1 + len(changed)


def with_another_default(settings_of):
    return lambda row, seed, corpus: replace(settings_of(row, seed, corpus), trainer=TrainerSettings(weight_decay=0.02))


def test_a_row_cannot_change_what_the_table_shares():
    with pytest.raises(SystemExit, match="cannot be changed for a row"):
        script("accuracy").settings_of("labels=four", 1, True)


@pytest.mark.parametrize(
    ("row", "epochs"), [("default", 3.0), ("trainer.batch_size=16", 3.0), ("trainer.epochs=2", 2.0)]
)
def test_other_data_than_the_whole_corpus_is_passed_over_as_often_as_a_users(row, epochs):
    settings_of = script("accuracy").settings_of
    assert settings_of(row, 1, False).epochs == epochs
    assert settings_of("default", 1, True) == TrainSettings()


def test_drawn_articles_and_data_of_others_are_other_data_and_the_whole_corpus_is_not(tmp_path, monkeypatch, capsys):
    accuracy, seen = script("accuracy"), []

    def train(row, seed, split, taxonomy, scored, corpus):
        seen.append(corpus)
        return accuracy.Run({}, {name: [unit.label for unit in units] for name, units in scored.items()})

    monkeypatch.setattr(accuracy, "train", train)
    experiment = accuracy.Experiment(SPLIT, SCORED, [1], None)
    experiment.measure("default", 1, 0)
    experiment.measure("default", 1, 1)
    public = script("public")
    monkeypatch.setattr(public, "train", train)
    file = write_jsonl(tmp_path / "data.jsonl", PUBLISHED)
    command_line(monkeypatch, "seeds=1", "rows=default", ",".join([str(file)] * 3))
    public.main()
    assert seen == [True, False, False]


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

    def train(row, seed, split, taxonomy, scored, corpus):
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


def test_three_files_are_training_validation_and_test_as_published(tmp_path):
    public = script("public")
    for name, texts in {"train": 4, "validation": 3, "test": 2}.items():
        content = [{"text": f"{name} {n}", "label": "ab"[n % 2], "article_id": "x"} for n in range(texts)]
        write_jsonl(tmp_path / f"{name}.jsonl", content)
    _, sets = public.read(
        [str(tmp_path / f"{name}.jsonl") for name in ("train", "validation", "test")], "text", "label"
    )
    split = public.divide(sets, seed=1)
    assert [len(part) for part in split.parts().values()] == [4, 3, 2]
    assert public.divide(sets, seed=2) == split
    with pytest.raises(SystemExit, match="4 files: at most training, validation and test"):
        public.divide([*sets, sets[0]], seed=1)


def test_a_published_table_gets_macro_micro_and_weighted_f1():
    public = script("public")
    units = [replace(UNIT, label=label) for label in "aaab"]
    taxonomy = public.taxonomy_of(["a", "b", "c"])  # c is in neither labelling, and so in no mean
    assert public.measure(units, ["a", "a", "b", "b"], taxonomy) == pytest.approx(
        ((4 / 5 + 2 / 3) / 2, 3 / 4, 3 / 4 * 4 / 5 + 1 / 4 * 2 / 3)
    )


def test_a_published_table_has_a_row_for_each_setting(tmp_path, monkeypatch, capsys):
    files = [str(write_jsonl(tmp_path / f"{name}.jsonl", PUBLISHED)) for name in ("train", "validation", "test")]
    command_line(monkeypatch, "seeds=1,2", "rows=default,model.context=article", ",".join(files))
    public = script("public")

    def train(row, seed, split, taxonomy, scored, corpus):
        right = [unit.label for unit in split.test]
        return script("accuracy").Run({}, {"test": right if row == "default" else ["a"] * len(right)})

    monkeypatch.setattr(public, "train", train)
    public.main()
    table = capsys.readouterr().out.splitlines()[-4:]
    assert table[0] == "| row | macro-F1 | accuracy | weighted F1 | seconds |"
    assert table[2:] == [
        "| default | 1.000 ± 0.000 | 1.000 ± 0.000 | 1.000 ± 0.000 | 0 |",
        "| model.context=article | 0.333 ± 0.000 | 0.500 ± 0.000 | 0.333 ± 0.000 | 0 |",
    ]
    command_line(monkeypatch, str(tmp_path / "missing.jsonl"))
    with pytest.raises(SystemExit, match=r"missing\.jsonl"):
        public.main()


PUBLISHED = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]


def csabstruct_checkout(root):
    for part in ("train", "dev", "test"):
        abstract = {"abstract_id": 0, "sentences": [f"{part} one", f"{part} two"], "labels": ["a", "b"]}
        (root / "data/CSAbstruct").mkdir(parents=True, exist_ok=True)
        write_jsonl(root / f"data/CSAbstruct/{part}.jsonl", [abstract, abstract])


def piboso_checkout(root):
    (root / "data/nicta_piboso").mkdir(parents=True)
    for part in ("train", "dev", "test"):
        text = f"###11\na\t{part} one\nb\t{part} two\n\n###12\na\t{part} one\nb\t{part} two\n\n"
        (root / f"data/nicta_piboso/{part}_clean.txt").write_text(text, encoding="utf-8")


def newsdiscourse_checkout(root, missing=""):
    (root / "data").mkdir(parents=True)
    for part in ("train", "validation", "test"):
        with zipfile.ZipFile(root / f"data/{part}.zip", "w") as archive:
            for name in ("11", "12"):
                text = f"URL x\nDATE/ y\nH Sirens at dawn\n\nS1  {part}  one\n\nS2 {part} two\n"
                notes = "T1\tSpeech 1 2\tS2\nE1\tSpeech:T1\nT2\ta 3 4\tS1\nT3\tb 5 6\tS2\n"
                archive.writestr(f"{part} 2/Crime/{name}.txt", text)
                archive.writestr(f"{part} 2/Crime/{name}.ann", notes.replace(missing, "T9") if missing else notes)
                archive.writestr(f"__MACOSX/{part} 2/Crime/._{name}.txt", "\0")


@pytest.mark.parametrize(
    ("name", "checkout", "articles"),
    [
        ("csabstruct", csabstruct_checkout, ["0", "1"]),
        ("piboso", piboso_checkout, ["11", "12"]),
        ("newsdiscourse", newsdiscourse_checkout, ["Crime/11", "Crime/12"]),
    ],
)
def test_a_published_data_set_becomes_three_files_with_its_own_splits(
    tmp_path, monkeypatch, capsys, name, checkout, articles
):
    checkout(tmp_path / "checkout")
    command_line(monkeypatch, name, str(tmp_path / "checkout"), str(tmp_path / "out"))
    script("public_data").main()
    assert capsys.readouterr().out.splitlines()[1] == "validation: 2 documents, 4 sentences: 2 a, 2 b"
    for ours, published in {"train": "train", "validation": "dev", "test": "test"}.items():
        theirs = ours if name == "newsdiscourse" else published
        rows = [json.loads(line) for line in (tmp_path / f"out/{ours}.jsonl").read_text(encoding="utf-8").splitlines()]
        assert rows == [
            {"text": f"{theirs} {text}", "label": label, "article_id": f"{ours}/{article}", "position": position}
            for article in articles
            for position, (text, label) in enumerate([("one", "a"), ("two", "b")])
        ]
    with pytest.raises(SystemExit, match="exists already"):
        script("public_data").main()


def test_a_checkout_that_is_not_as_published_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(name, reason):
        command_line(monkeypatch, name, str(tmp_path), str(tmp_path / "out"))
        with pytest.raises(SystemExit, match=reason):
            script("public_data").main()
        assert not [*tmp_path.glob("out*")]

    for name in ("csabstruct", "piboso", "newsdiscourse"):
        refuse(name, "no such file; CHECKOUT must hold the files of the data set's repository")
    csabstruct_checkout(tmp_path)
    write_jsonl(tmp_path / "data/CSAbstruct/dev.jsonl", [{"sentences": ["one", "two"], "labels": ["a"]}])
    refuse("csabstruct", "dev.jsonl:1: two lists of one length are wanted")
    piboso_checkout(tmp_path)
    (tmp_path / "data/nicta_piboso/test_clean.txt").write_text("###11\na one\n", encoding="utf-8")
    refuse("piboso", "test_clean.txt:2: neither '###' and an id nor label, tab and sentence: 'a one'")
    newsdiscourse_checkout(tmp_path / "unlabelled", missing="S1")
    command_line(monkeypatch, "newsdiscourse", str(tmp_path / "unlabelled"), str(tmp_path / "out"))
    with pytest.raises(
        SystemExit, match=r"train.zip: train 2/Crime/11.txt: sentences and labels differ: \['S1', 'T9'\]"
    ):
        script("public_data").main()
