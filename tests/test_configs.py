from pathlib import Path

import pytest
import yaml
from conftest import CONFIGS

from sitrep.cli.command_list import COMMANDS
from sitrep.cli.composition import combinations, compose_settings
from sitrep.cli.help import help_text
from sitrep.errors import UsageError
from sitrep.settings import FetchedBackbone, LabelFormat
from sitrep.settings.description import as_plain, describe

SCHEMAS = {name: command.schema for name, command in COMMANDS.items()}
GROUP_FILES = sorted(path.relative_to(CONFIGS) for path in CONFIGS.glob("*/*.yaml"))
GIVEN_TO_ROOT = {
    "predict": {"input": "x"},
    "compare": {"a": "x", "b": "y"},
    "label select": {"input": "x"},
    "label export": {"input": "x", "format": LabelFormat.page, "output": "y"},
    "label import": {"input": "x", "format": LabelFormat.page, "sample": "s"},
    "label agree": {"inputs": ["x", "y"]},
    "label adapt": {"labels": "x"},
    "label audit": {"predictions": "x", "labels": "y", "output": "z.json"},
    "fetch_backbone": {"backbone": FetchedBackbone.mpnet},
}
GIVEN = {"data=files": ["data.train_files=[x.jsonl]"], "model=custom": ["model.name=a/b"]}


def settings(root, *overrides):
    return compose_settings(root, SCHEMAS[root], overrides)


def error_of(*overrides, root="train"):
    try:
        settings(root, *overrides)
    except UsageError as error:
        return str(error)
    return None


def test_every_root_file_has_a_schema_and_a_script():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {root.replace(" ", "_") for root in SCHEMAS}
    assert all((CONFIGS.parent / "scripts" / f"{root.partition(' ')[0]}.py").is_file() for root in SCHEMAS)


@pytest.mark.parametrize("file", GROUP_FILES, ids=str)
def test_every_group_file_composes(file: Path):
    choice = f"{file.parent}={file.stem}"
    roots = [
        root for root in SCHEMAS if f"- {file.parent}: " in (CONFIGS / f"{root.replace(' ', '_')}.yaml").read_text()
    ]
    assert roots, "no root file uses this group"
    for root in roots:
        given = ["input=x"] if root == "predict" else []
        assert settings(root, choice, *GIVEN.get(choice, []), *given)


@pytest.mark.parametrize("root", SCHEMAS)
def test_every_setting_has_a_meaning(root):
    for setting in describe(SCHEMAS[root]):
        assert setting.meaning.strip(), setting.name


@pytest.mark.parametrize(("root", "given"), [(root, GIVEN_TO_ROOT.get(root, {})) for root in SCHEMAS])
def test_settings_made_without_yaml_are_those_that_yaml_composes(root, given):
    composed = settings(root, *(f"{name}={getattr(value, 'name', value)}" for name, value in given.items()))
    assert composed == SCHEMAS[root](**given)


def test_saved_settings_read_back_the_same(toy_file):
    written = as_plain(settings("train", f"data={toy_file}", "data.label_map={a: none}", "trainer.extra.max_steps=3"))
    again = yaml.safe_load(yaml.safe_dump(written))
    assert again == written
    assert again["trainer"]["precision"] == "auto"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainr.epochs=3", "there is no setting trainr.epochs; did you mean trainer.epochs?"),
        ("trainer.epoch=3", "there is no setting trainer.epoch; did you mean trainer.epochs?"),
        ("sed=3", "there is no setting sed; did you mean seed?"),
        ("label=four", "there is no setting label; did you mean labels?"),
        ("epochs=3", "there is no setting epochs; did you mean trainer.epochs?"),
        ("+trainer.foo=1", "there is no setting trainer.foo; did you mean"),
        ("+foo=1", "there is no setting foo"),
        ("trainer.epochs=x", "trainer.epochs: Value 'x' of type 'str' could not be converted to Float"),
        ("trainer.precision=foo", "trainer.precision: Invalid value 'foo', expected one of [auto, fp32, bf16, int8]"),
        ("trainer.epochs=-1", "trainer.epochs=-1.0: must be above 0"),
        ("trainer.pretrained_share=1", "trainer.pretrained_share=1.0: must lie in [0, 1)"),
        ("model.context=page", "model.context: Invalid value 'page', expected one of [none, article]"),
        ("data.test_fraction=0.7", "data.test_fraction=0.7: must lie between 0 and 0.5"),
        ("data=files", "data.train_files=[]: name at least one file"),
        ("model=custom", "model.name=: name a folder or a hub name"),
        ("model=minlim", "model=minlim: no such choice; use one of conflibert, custom, deberta_v3, minilm, modernbert"),
        ("labels=six", "labels=six: no such choice; use one of five, four, or a YAML file"),
        ("task=multi_label ; labels=four", "task=multi_label: labels=four has no negative label"),
        ("data.label_map={none: nothing}", "data.label_map.none=nothing: use one of attack_description"),
        ("model.max_tokens=100000000000", "model.max_tokens=100000000000: must lie between 8 and 1,000,000"),
        ("~seed", "~seed: a setting cannot be taken away"),
        ("experiment=nope", "experiment=nope: no such choice; use one of few_labels, quick"),
    ],
)
def test_wrong_settings_are_named_with_the_remedy(override, message):
    found = error_of(*override.split(" ; "))
    assert found is not None
    assert message in found


def test_columns_say_nothing_where_no_file_is_named():
    found = error_of("data.text_field=x", root="evaluate")
    assert found == "data.text_field=x: says nothing without data.test_files"


def test_missing_file_with_a_known_ending_is_taken_for_a_file():
    assert settings("train", "data=nope.jsonl").data.train_files == ["nope.jsonl"]


def test_label_map_and_extra_arguments_need_no_plus_sign():
    found = settings("train", "data.label_map={attack: attack_description}", "trainer.extra.max_steps=3")
    assert found.data.label_map == {"attack": "attack_description"}
    assert found.trainer.extra == {"max_steps": 3}


@pytest.mark.parametrize(
    "name",
    ["my page (2).txt", "a,b.txt", "it's.txt", "a=b.txt", "-", "Größe.txt", "a\\b.txt", "end\\", "a\\b'c", "'q' a.txt"],
)
def test_file_names_need_no_quoting_for_hydra(name):
    assert settings("predict", f"input={name}").input == name


def test_group_takes_a_folder_a_hub_name_or_a_ready_choice(tmp_path):
    assert settings("train", f"model={tmp_path}").model.name == str(tmp_path)
    assert settings("train", "model=owner/name").model.name == "owner/name"
    assert settings("train", "model=tiny").model.name == "random:tiny"
    assert settings("train", "data=owner/name").data.train_files == ["owner/name"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["model=mpnet"], ("packaged:mpnet", 0.0, 6e-5, 1.34)),
        (["model=mpnet", "trainer.learning_rate=1e-5", "model.dropout=0.1"], ("packaged:mpnet", 0.1, 1e-5, 1.34)),
        (["trainer.epochs=5", "model=mpnet"], ("packaged:mpnet", 0.0, 6e-5, 5.0)),
        (["model=mpnet", "experiment=few_labels"], ("packaged:mpnet", 0.0, 6e-5, 12.0)),
        (["model=mpnet", "experiment=few_labels", "trainer.epochs=1"], ("packaged:mpnet", 0.0, 6e-5, 1.0)),
        (["model=mpnet", "model.name=some/folder", "data=rows.csv"], ("some/folder", 0.0, 6e-5, 3.0)),
        (["model=minilm"], ("packaged:minilm", 0.0, 2e-4, 1.95)),
        (["data=rows.csv"], ("packaged:minilm", 0.0, 2e-4, 3.0)),
        (["data=owner/name", "trainer.epochs=2"], ("packaged:minilm", 0.0, 2e-4, 2.0)),
        (["model=conflibert"], ("snowood1/ConfliBERT-scr-uncased", None, 2e-5, 1.34)),
        (["model=deberta_v3"], ("microsoft/deberta-v3-base", None, 2e-5, 1.34)),
        (["model=modernbert"], ("answerdotai/ModernBERT-base", None, 2e-5, 1.34)),
    ],
)
def test_choice_of_backbone_and_data_brings_its_training_and_what_is_written_wins(overrides, expected):
    found = settings("train", *overrides)
    assert (found.model.name, found.model.dropout, found.trainer.learning_rate, found.epochs) == expected


def test_multirun_makes_every_combination_and_takes_folders(tmp_path):
    runs = combinations(["model=minilm,some/folder", "seed=1,2", "trainer.epochs=choice(1,2)", "output_dir=out"])
    assert len(runs) == 8
    found = [settings("train", *run) for run in runs]
    assert [(s.model.name, s.seed, s.trainer.epochs) for s in found[:3]] == [
        ("packaged:minilm", 1, 1.0), ("packaged:minilm", 1, 2.0), ("packaged:minilm", 2, 1.0),
    ]  # fmt: skip
    assert {s.model.name for s in found} == {"packaged:minilm", "some/folder"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_help_names_every_setting_with_its_default(name):
    command = COMMANDS[name]
    lines = help_text(name, command.schema, command.purpose, "usage").splitlines()
    for setting in describe(command.schema):
        assert f"{setting.name}={setting.default}" in lines
        assert f"    {setting.meaning}" in lines
