"""Command lines of the benchmarks: options written `name=value`, and what is not an option."""

import sys
from collections.abc import Collection


def part_arguments(names: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Part the command line into options of these names and the rest, which may hold a `=` of its own."""
    given = [item.partition("=") for item in sys.argv[1:]]
    options = {name: value for name, _, value in given if name in names}
    return options, ["".join(item) for item in given if item[0] not in names]


def options(*names: str) -> dict[str, str]:
    """The options of a command line that takes nothing else.

    Raises:
        SystemExit: If it holds anything else, so that no misspelt option passes for its default.
    """
    found, rest = part_arguments(names)
    if rest:
        sys.exit(f"{rest[0]}: no such option; there are {', '.join(names)}")
    return found
