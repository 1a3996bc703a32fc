"""What a prediction says at its end."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from sitrep.inference.stage_clock import StageClock
from sitrep.inference.tally import PageCounts, Tally, table_of_classes, table_of_pages
from sitrep.sentences import UNFAMILIAR_VOCABULARY


def say_summary(
    console: Console,
    tally: Tally,
    labels: Sequence[str],
    pages: Sequence[PageCounts],
    seconds: float,
    clock: StageClock,
) -> None:
    """Counts by class and by page, and where the time went.

    Args:
        console: Where it goes.
        tally: What was counted.
        labels: In their order.
        pages: Those to be listed; none if they are many.
        seconds: Of everything.
        clock: Of the stages.
    """
    lines = [summary(tally, seconds), "", table_of_classes(tally, labels), ""]
    if pages:
        lines += [table_of_pages(pages, labels), ""]
    lines.append(clock.line(seconds))
    _print(console, lines)


def say_remarks(console: Console, tally: Tally, decided: bool, duplicates: str | None) -> None:
    """What repeats, what could not be read, and what is unlike the training data, a line each if there is any.

    Args:
        console: Where it goes.
        tally: What was counted.
        decided: Whether predictions say what to review.
        duplicates: How much repeats, in words; ``None`` if that was not looked for.
    """
    lines = [duplicates] if duplicates else []
    if tally.odd:
        lines.append(unreadable(tally.odd, tally.sentences, decided))
    if tally.unfamiliar:
        lines.append(unfamiliar(tally, decided))
    if lines:
        _print(console, lines)


def summary(tally: Tally, seconds: float) -> str:
    """One line: sentences, time, how many to check by hand, how many were cut."""
    review = f"; {tally.review:,} to review" if tally.review else ""
    cut = f"; {tally.truncated:,} were too long and read in part" if tally.truncated else ""
    sentences = "1 sentence" if tally.sentences == 1 else f"{tally.sentences:,} sentences"
    return f"{sentences} in {seconds:.1f} s{review}{cut}"


def unreadable(odd: Counter[str], sentences: int, decided: bool) -> str:
    """One line: how many sentences the model cannot read, of which kinds, and what became of them."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in odd.most_common())
    outcome = "they are marked review" if decided else "their labels say little"
    what = "are in another script or language, or damaged"
    return f"{odd.total()} of {sentences} sentences {what} ({kinds}); sitrep reads English: {outcome}"


def unfamiliar(tally: Tally, decided: bool) -> str:
    """One line: how many sentences stand on pages of other words, what became of them, and what to do."""
    pages = "1 page" if tally.unfamiliar_pages == 1 else f"{tally.unfamiliar_pages} pages"
    outcome = "they are marked review" if decided else "their labels are less sure than they look"
    return (
        f"{tally.unfamiliar} of {tally.sentences} sentences stand on {pages} unlike the training data, by "
        f"{'its' if tally.unfamiliar_pages == 1 else 'their'} words (unfamiliar={UNFAMILIAR_VOCABULARY}): {outcome}; "
        "if such pages matter, label some and train with them"
    )


def _print(console: Console, lines: Sequence[str]) -> None:
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
