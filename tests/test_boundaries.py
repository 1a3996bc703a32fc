import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

SOURCE = PROJECT / "src" / "sitrep"
MODULES = sorted(SOURCE.rglob("*.py"))
DOMAIN = {
    f"{name}.py"
    for name in (
        "labels",
        "sentences",
        "decisions",
        "errors",
        "config_text",
        "files",
        "tables",
        "checkpoint",
        "validation",
        "packaged",
    )
}
CONFIG = "config"


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_keeps_to_its_side(path):
    place = path.relative_to(SOURCE)
    if place.name != "hydra_entry.py":
        assert not uses(path, "hydra", "omegaconf", "sitrep.cli.composition")
    if place.parts[0] == "inference":
        assert not uses(path, "datasets", "sitrep.training", "sitrep.data", "sitrep.evaluation")
    if place.parts[0] in {"data", "evaluation"}:
        assert not uses(path, "sitrep.training")
    domain = place.name in DOMAIN if len(place.parts) == 1 else place.parts[0] == CONFIG
    if domain or place.name == "metrics.py":
        assert not uses(path, "torch", "transformers", "datasets")
    if domain:
        packages = {p.parent.name for p in MODULES if p.parent != SOURCE} - {CONFIG}
        assert not uses(path, *(f"sitrep.{package}" for package in packages))
    assert not uses(path, "pickle", "joblib", "cloudpickle", "dill")


@pytest.mark.parametrize("module", ["sitrep.inference", "sitrep.evaluation", "sitrep.training", "sitrep.data"])
def test_packages_import_without_the_heavy_libraries(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'transformers', 'datasets', 'sklearn'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_scripts_import_the_entry_and_one_job_package():
    for script in (PROJECT / "scripts").glob("*.py"):
        jobs = {name.split(".")[1] for name in uses(script, "sitrep")} - {"config", "hydra_entry"}
        assert len(jobs) == 1, script.name


def test_public_functions_and_classes_say_what_they_do():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                inner = node.col_offset > 0 and isinstance(node, ast.FunctionDef)
                assert inner or ast.get_docstring(node), f"{path.name}: {node.name}"
