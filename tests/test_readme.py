import inspect
import re
import shlex
import tomllib

import pytest
from conftest import PROJECT

from sitrep.cli.command_list import COMMANDS
from sitrep.cli.composition import compose_settings
from sitrep.cli.settings_page import settings_page
from sitrep.sentences import OUTPUT_FIELDS
from sitrep.training.fine_tuning import FineTuned

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]


def test_settings_page_is_the_one_that_make_settings_writes():
    assert (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_readme_stays_short():
    assert len(README.splitlines()) < 150


def test_map_of_the_packages_names_each_once():
    architecture = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)/` \|", architecture, re.M)
    there = {path.parent.name for path in (PROJECT / "src" / "sitrep").glob("*/__init__.py")}
    assert sorted(named) == sorted(there)


def commands():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES[:1])
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if "scripts/" in line]


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_readme_are_valid(line):
    call = next(part for part in line.split(" | ") if "scripts/" in part)
    words = shlex.split(call)
    place = next(index for index, word in enumerate(words) if word.startswith("scripts/"))
    root, rest = words[place].removeprefix("scripts/").removesuffix(".py"), words[place + 1 :]
    if root not in COMMANDS:
        root, rest = f"{root} {rest[0]}", rest[1:]
    if root == "sweep":  # its arguments are those of training, some with several values
        return
    command = COMMANDS[root]
    overrides = [o.replace("data=mine", "data=./mine") if "=" in o else f"{command.first}={o}" for o in rest]
    assert compose_settings(root, command.schema, overrides)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_the_documents_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def anchors(page):
    """What links into a page may name: its headings as a reader of Markdown makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_that_the_documents_link_to_exist(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        assert anchor in anchors(page.parent / target if target else page), f"{page.name}: {target}#{anchor}"


def test_page_of_the_columns_names_every_field_of_a_result():
    page = (PROJECT / "docs" / "pages.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.*?) \|", page, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert {name for name in OUTPUT_FIELDS if not name.startswith("true_")} <= named


def test_page_of_the_figures_names_all_that_is_told_of_a_training():
    page = (PROJECT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `training` \| (.*)$", page, re.M)
    told = inspect.getsource(FineTuned.told)
    assert set(re.findall(r'^            "(\w+)":', told, re.M)) <= set(re.findall(r"`(\w+)`", row))


def texts_about_installing():
    sources = [*PROJECT.glob("src/**/*.py"), *PROJECT.glob("src/**/*.j2"), *PROJECT.glob("benchmarks/*.py")]
    return [*PAGES, *sources]


def test_nobody_is_told_to_install_another_project_of_that_name_from_the_index():
    for page in texts_about_installing():
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"pip install (?:-\S+ )*['\"]?sitrep(?![\w.-])", text), page.name


def test_extras_that_the_documents_install_exist():
    there = set(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    named = [
        extra
        for page in texts_about_installing()
        for extras in re.findall(r"""['"](?:\.|[^'" ]*\.whl)\[([a-z,]+)\]['"]""", page.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    ]
    assert {"train", "onnx", "ray", "serve"} <= set(named) <= there


def test_pytorch_that_the_documents_install_first_is_the_one_that_is_pinned():
    pinned = re.search(r"^(torch==[\d.]+)$", (PROJECT / "constraints.txt").read_text(), re.M)
    for page in (PROJECT / "README.md", PROJECT / "docs" / "serving.md"):
        assert re.findall(r"torch==[\d.]*\d", page.read_text(encoding="utf-8")) == [pinned[1]], page.name


def test_make_targets_of_the_documents_exist():
    makefile = (PROJECT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`make (\w+)`|^make (\w+)", page.read_text(encoding="utf-8"), re.M):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), target
