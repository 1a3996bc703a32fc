"""``docs/settings.md``: every setting of every command, out of the dataclasses."""

from sitrep.cli.command_list import COMMANDS
from sitrep.cli.help import choices_of
from sitrep.settings.description import settings_table

INTRODUCTION = """\
# Settings

Every setting is `name=value` on the command line; `--help` lists those of a script, and a misspelt one is named.
Defaults stand on the fields of the dataclasses in `src/sitrep/settings/`, so that `TrainSettings()` is what
`scripts/train.py` takes without arguments; `configs/` holds ready choices and recipes. `--multirun` with several
values, such as `model=minilm,FOLDER seed=1,2`, makes a run of each combination; `--cfg` prints the settings and ends.
This page is written by `make settings`.
"""


def _called(name: str) -> str:
    script, _, subcommand = name.partition(" ")
    return f"{script}.py {subcommand}".rstrip()


def settings_page() -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION]
    for name, command in COMMANDS.items():
        parts.append(f"## scripts/{_called(name)}\n\n{command.purpose}\n")
        if choices := choices_of(name, command.schema):
            lines = [f"- `{group}=` {', '.join(f'`{choice}`' for choice in names)}" for group, names in choices.items()]
            parts.append("Ready choices:\n\n" + "\n".join(lines) + "\n")
        parts.append(f"{settings_table(command.schema)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(settings_page(), end="")
