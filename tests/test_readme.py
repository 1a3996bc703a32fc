import re
import shlex

import pytest
from conftest import CONFIGS, PROJECT

from sitrep.config import CheckSettings, CompareSettings, EvaluateSettings, PredictSettings, TrainSettings
from sitrep.config_text import describe
from sitrep.hydra_entry import compose, default_of, typed

README = (PROJECT / "README.md").read_text(encoding="utf-8")
SCHEMAS = {
    "train": TrainSettings,
    "evaluate": EvaluateSettings,
    "predict": PredictSettings,
    "check_data": CheckSettings,
    "compare": CompareSettings,
}


def test_settings_tables_list_every_setting_with_its_default_and_meaning():
    for root, schema in SCHEMAS.items():
        cfg = compose(CONFIGS, root, schema, [])
        for setting in describe(schema):
            row = f"| `{setting.name}` | `{default_of(cfg, setting)}` | {setting.meaning.replace('|', chr(92) + '|')} |"
            assert row in README, row


def test_file_map_names_every_module_once_and_nothing_else():
    tree = README[README.index("## Map") :]
    named = re.findall(r"^- `([\w./-]+)`: ", tree, re.M)
    kinds = ("src/sitrep/**/*.py", "scripts/*.py", "benchmarks/*.py", "configs/*.yaml", "docs/*.md")
    there = {path.relative_to(PROJECT).as_posix() for kind in kinds for path in PROJECT.glob(kind)}
    there = {name for name in there if not name.endswith("__init__.py") or "corpus" in name}
    assert sorted(named) == sorted(there)


def commands():
    blocks = re.findall(r"^```\w*\n(.*?)^```", README, re.M | re.S)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if "scripts/" in line]


@pytest.mark.parametrize("command", commands())
def test_commands_of_the_readme_are_valid(command):
    call = next(part for part in command.split(" | ") if "scripts/" in part)
    _, script, *overrides = shlex.split(call)
    root = script.removeprefix("scripts/").removesuffix(".py")
    overrides = [o.replace("data=mine", "data=./mine") for o in overrides]
    assert typed(compose(CONFIGS, root, SCHEMAS[root], overrides), SCHEMAS[root])


def test_links_and_pictures_of_the_documents_exist():
    for page in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_of_the_readme_exist():
    makefile = (PROJECT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", makefile, re.M)
