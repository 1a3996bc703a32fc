"""The one exception that stands for a mistake of the user's, not of the program's."""


class UserError(Exception):
    """Something that a user can mend.

    The message is one line: what was wrong, the value, where it stands (file and line, or the dotted
    setting) and what to do. Scripts print it and exit with ``exit_status``; every other exception is a
    bug and keeps its traceback.
    """

    exit_status = 1


class UsageError(UserError):
    """The command line or the configuration itself is wrong."""

    exit_status = 2
