"""Say what each sentence of a conflict-news page is for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sitrep.inference.predictor import Predictor
    from sitrep.pages.html import read_html

__version__ = "0.2.0"
__all__ = ["Predictor", "__version__", "read_html"]


def __getattr__(name: str) -> Any:
    """Load what is public when it is first asked for: help and errors of the command line need none of it."""
    if name == "Predictor":
        from sitrep.inference.predictor import Predictor

        return Predictor
    if name == "read_html":
        from sitrep.pages.html import read_html

        return read_html
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
