"""One value as a line of JSON that any program reads."""

import json
import math
import re
from typing import Any

HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def json_line(value: Any) -> str:
    """JSON in one line that is UTF-8.

    NaN and infinity, which JSON does not have, are null; what it does not know is text; half a character, as names of
    files hold it, is shown with a backslash.
    """
    try:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        line = json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False, default=str)
    return line if line.isascii() else HALF_CHARACTER.sub(lambda found: rf"\\u{ord(found[0]):x}", line)


def without_half_characters(text: str) -> str:
    r"""What :func:`json_line` makes of a text: half a character is shown with a backslash, as ``\ud800``."""
    return text if text.isascii() else HALF_CHARACTER.sub(lambda found: rf"\u{ord(found[0]):x}", text)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
