import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

SOURCE = PROJECT / "src" / "sitrep"
MODULES = sorted(SOURCE.rglob("*.py"))
LEVELS = {
    "": 0,  # the domain: the modules beside the packages
    "settings": 1,
    "storage": 1,
    "metrics": 1,
    "pages": 1,
    "labelled_pages": 2,
    "model": 2,
    "data": 3,
    "inference": 4,
    "training": 5,
    "evaluation": 5,
    "comparison": 5,
    "quality": 5,
    "export": 5,
    "serving": 5,
    "labelling": 5,
    "agreement": 5,
    "counting": 5,
    "adaptation": 6,
    "report": 7,
    "cli": 9,
}
RUN_LEVEL = 8
"""Of the `run.py` of a job, which alone sees across its neighbours."""


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, those for type checkers apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def uses(path: Path, *packages: str) -> set[str]:
    return {name for name in imports(path) for package in packages if name == package or name.startswith(f"{package}.")}


def package_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def level_of(path: Path) -> int:
    return RUN_LEVEL if path.name == "run.py" else LEVELS[package_of(path)]


def own_modules(path: Path) -> set[Path]:
    """The files of ours that a file imports."""
    found = set()
    for name in uses(path, "sitrep"):
        stem = SOURCE.parent / Path(*name.split("."))
        found |= {file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()}
    return found - {SOURCE / "__init__.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards(path):
    package = package_of(path)
    if path == SOURCE / "__init__.py":
        return  # the public names, imported when they are asked for
    for other in own_modules(path):
        inside = package_of(other) == package and (other.name != "run.py" or path.name == "run.py")
        assert inside or level_of(other) < level_of(path), f"imports {other.relative_to(SOURCE)}"
    if package == "metrics":
        assert {package_of(other) for other in own_modules(path)} <= {"metrics", ""}
        assert not own_modules(path) & {SOURCE / "sentences.py", SOURCE / "decisions.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_keeps_to_its_libraries(path):
    package = package_of(path)
    if (package, path.name) != ("cli", "composition.py"):
        assert not uses(path, "hydra", "omegaconf")
    if package in {"inference", "pages", "serving", "storage", "settings"}:
        assert not uses(path, "datasets")
    if package in {"", "settings", "serving", "storage", "metrics", "pages"}:
        assert not uses(path, "torch", "transformers", "datasets")
    assert not uses(path, "pickle", "joblib", "cloudpickle", "dill")


def test_picture_of_the_packages_shows_their_real_levels():
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)/` \|.*\| (\d) \|$", text, re.M))
    assert {name: int(level) for name, level in rows.items()} == {k: v for k, v in LEVELS.items() if k}


@pytest.mark.parametrize(
    "module",
    [
        "sitrep.inference.run",
        "sitrep.evaluation.run",
        "sitrep.training.run",
        "sitrep.data.loading",
        "sitrep.serving.run",
        "sitrep.serving.application",
    ],
)
def test_packages_import_without_the_heavy_libraries(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'transformers', 'datasets', 'sklearn'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_no_two_files_or_classes_share_a_name():
    kept_name = PROJECT / "src" / "sitrep" / "inference" / "segmentation.py"  # of version 0.1
    files = [path.stem for path in MODULES if path.name not in ("__init__.py", "run.py") and path != kept_name]
    assert sorted(name for name in set(files) if files.count(name) > 1) == []
    classes = [
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(name for name in set(classes) if classes.count(name) > 1) == []


def test_scripts_name_their_own_command_and_stay_thin():
    for script in (PROJECT / "scripts").glob("*.py"):
        text = script.read_text(encoding="utf-8")
        assert f'run_script("{script.stem}")' in text
        assert len(text.splitlines()) <= 40


def test_public_functions_and_classes_say_what_they_do():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                inner = node.col_offset > 0 and isinstance(node, ast.FunctionDef)
                assert inner or ast.get_docstring(node), f"{path.name}: {node.name}"
