"""Help: usage, choices of every group, and every setting with its default and meaning."""

import difflib

from sitrep.cli.configs import configs_folder
from sitrep.settings.description import describe

OPTIONS = """\
  --help      this text
  --multirun  with several values parted by commas, such as seed=1,2: a run of each
  --cfg       print the settings as YAML, and end"""


def help_text(name: str, schema: type, purpose: str, usage: str) -> str:
    """Text of ``--help``.

    Args:
        name: Of the command.
        schema: Dataclass of its settings.
        purpose: What it does.
        usage: How it is called.
    """
    lines = [purpose, "", f"Usage: {usage} [OPTION ...] [SETTING=VALUE ...]", OPTIONS, ""]
    for group, choices in choices_of(name, schema).items():
        lines.append(f"  {group}=  {', '.join(choices)}")
    lines.append("")
    for setting in describe(schema):
        lines.append(f"{setting.name}={setting.default}")
        lines.append(f"    {setting.meaning}")
        if setting.choices:
            lines.append(f"    ({' | '.join(setting.choices)})")
    return "\n".join(lines)


def choices_of(name: str, schema: type) -> dict[str, list[str]]:
    """Ready choices by group, for the groups that a command has."""
    groups = {setting.name.partition(".")[0] for setting in describe(schema) if "." in setting.name}
    if name == "train":
        groups.add("experiment")
    return {
        folder.name: sorted(path.stem for path in folder.glob("*.yaml"))
        for folder in sorted(configs_folder().iterdir())
        if folder.is_dir() and folder.name in groups and not (name == "evaluate" and folder.name == "data")
    }


def nearest(name: str, *schemas: type) -> str:
    """The remedy for a setting that does not exist: those below it if it is a group, else the most similar one."""
    settings = [setting.name for schema in schemas for setting in describe(schema)]
    inside = [setting for setting in settings if setting.startswith(f"{name}.")]
    if inside:
        return f"there are {', '.join(inside)}"
    known = settings + sorted({setting.partition(".")[0] for setting in settings})
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or [
        setting for setting in settings if setting.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    return f"did you mean {close[0]}?" if close else "--help lists them all"
