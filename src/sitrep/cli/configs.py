"""Where the YAML files of the settings lie."""

from pathlib import Path


def configs_folder() -> Path:
    """``configs/`` of the project, or, in an installed wheel, its copy inside the package."""
    packaged = Path(__file__).parents[1] / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"
