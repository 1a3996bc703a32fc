from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import yaml
from conftest import CONFIGS

from sitrep.config import CheckSettings, CompareSettings, EvaluateSettings, PredictSettings, TrainSettings
from sitrep.config_text import as_plain, describe, explain
from sitrep.errors import UsageError
from sitrep.hydra_entry import OPEN_GROUPS, compose, rewrite_arguments, typed

SCHEMAS = {
    "train": TrainSettings,
    "evaluate": EvaluateSettings,
    "predict": PredictSettings,
    "check_data": CheckSettings,
    "compare": CompareSettings,
}
GROUP_FILES = sorted(path.relative_to(CONFIGS) for path in CONFIGS.glob("*/*.yaml"))
GIVEN = {"data=files": ["data.train_files=[x.jsonl]"], "model=custom": ["model.name=a/b"]}


def settings(root, *overrides):
    return typed(compose(CONFIGS, root, SCHEMAS[root], list(overrides)), SCHEMAS[root])


def error_of(*overrides, root="train"):
    try:
        settings(root, *overrides)
    except UsageError as error:
        return str(error)
    except Exception as error:
        cause = error.__cause__
        return str(cause) if isinstance(cause, UsageError) else explain(error, SCHEMAS[root], OPEN_GROUPS)
    return None


def test_every_root_file_has_a_schema_and_a_script():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(SCHEMAS)
    assert all((CONFIGS.parent / "scripts" / f"{root}.py").is_file() for root in SCHEMAS)


@pytest.mark.parametrize("file", GROUP_FILES, ids=str)
def test_every_group_file_composes(file: Path):
    choice = f"{file.parent}={file.stem}"
    roots = [root for root in SCHEMAS if f"- {file.parent}: " in (CONFIGS / f"{root}.yaml").read_text()]
    assert roots, "no root file uses this group"
    for root in roots:
        given = ["input=x"] if root == "predict" else []
        assert settings(root, choice, *GIVEN.get(choice, []), *given)


def test_every_setting_has_a_meaning_and_a_value_or_a_mark_that_one_must_be_given():
    for root, schema in SCHEMAS.items():
        cfg = compose(CONFIGS, root, schema, [])
        for setting in describe(schema):
            assert setting.meaning.strip(), setting.name
            parent = cfg
            for part in setting.name.split("."):
                assert part in parent or parent._get_node(part) is not None, setting.name
                parent = parent._get_node(part)


def test_dataclasses_hold_no_second_default():
    for schema in SCHEMAS.values():
        for item in fields(schema):
            nested = fields(item.type) if is_dataclass(item.type) else (item,)
            assert all(field.default == "???" for field in nested)


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
        ("trainer.class_weights=foo", "trainer.class_weights: Invalid value 'foo', expected one of [none, balanced]"),
        ("trainer.epochs=-1", "trainer.epochs=-1.0: must be above 0"),
        ("trainer.token_masking=1", "trainer.token_masking=1.0: must lie in [0, 1)"),
        ("model.context=page", "model.context: Invalid value 'page', expected one of [none, neighbours, article]"),
        ("data.test_fraction=0.7", "data.test_fraction=0.7: must lie between 0 and 0.5"),
        ("data=files", "data.train_files: no value given; add data.train_files="),
        ("model=minlim", "model=minlim: no such choice; use one of conflibert, custom, deberta_v3, minilm, modernbert"),
        ("labels=six", "labels=six: no such choice; use one of five, four"),
        ("data.label_map={none: nothing}", "data.label_map.none=nothing: use one of attack_description"),
        ("model.max_tokens=100000000000", "model.max_tokens=100000000000: must lie between 8 and 1,000,000"),
        ("~seed", "~seed: a setting cannot be taken away"),
        ("experiment=nope", "experiment=nope: no such choice; use one of few_labels, quick"),
    ],
)
def test_wrong_settings_are_named_with_the_remedy(override, message):
    found = error_of(override)
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


def test_arguments_of_a_multirun_are_left_to_hydra():
    arguments = ["--multirun", "model=minilm,tiny", "input=a,b"]
    assert rewrite_arguments(arguments, CONFIGS) == arguments
