"""The first thing that a command runs: from here on a signal ends it in one line. Imports next to nothing."""

import os
import signal
import sys
from types import FrameType

from sitrep.errors import SIGNALS, Stopped


def run_script(name: str) -> None:
    """Run ``scripts/<name>.py`` with the arguments of the command line; ends the process on every error."""
    program = f"{name}.py"
    _end_at_once_on_signals(program)
    from sitrep.cli.commands import run_command

    run_command(name, sys.argv[1:], program, f"python scripts/{program}")


def main() -> None:
    """Run ``sitrep NAME ARGUMENTS...``, which does what ``scripts/NAME.py`` does."""
    _end_at_once_on_signals("sitrep")
    from sitrep.cli.commands import run_named

    run_named(sys.argv[1:])


def raise_on_signals() -> None:
    """From now on a signal raises :class:`Stopped`, so that what is half done is cleaned up.

    A second signal during the clean-up does not break it off. One that the caller chose to ignore, as ``nohup`` does
    with a lost terminal, stays ignored.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)


def _end_at_once_on_signals(program: str) -> None:
    """Until the imports are done there is nothing to clean up."""

    def end(number: int, frame: FrameType | None) -> None:
        stopped = Stopped(number)
        os.write(2, f"{program}: {stopped}\n".encode())
        os._exit(stopped.exit_status)

    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, end)
