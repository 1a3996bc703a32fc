"""What a prediction says at its end."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from sitrep.inference.stage_clock import StageClock
from sitrep.inference.tally import PageCounts, Tally, table_of_classes, table_of_pages


def say_summary(
    console: Console,
    tally: Tally,
    labels: Sequence[str],
    pages: Sequence[PageCounts],
    seconds: float,
    clock: StageClock,
    decided: bool,
) -> None:
    """Counts by class and by page, where the time went, and what could not be read.

    Args:
        console: Where it goes.
        tally: What was counted.
        labels: In their order.
        pages: Those to be listed; none if they are many.
        seconds: Of everything.
        clock: Of the stages.
        decided: Whether predictions say what to review.
    """
    lines = [summary(tally, seconds), "", table_of_classes(tally, labels), ""]
    if pages:
        lines += [table_of_pages(pages, labels), ""]
    lines.append(clock.line(seconds))
    if tally.odd:
        lines.append(unreadable(tally.odd, tally.sentences, decided))
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def summary(tally: Tally, seconds: float) -> str:
    """One line: sentences, time, how many to check by hand, how many were cut."""
    review = f"; {tally.review:,} to review" if tally.review else ""
    cut = f"; {tally.truncated:,} were too long and read in part" if tally.truncated else ""
    return f"{tally.sentences:,} sentences in {seconds:.1f} s{review}{cut}"


def unreadable(odd: Counter[str], sentences: int, decided: bool) -> str:
    """One line: how many sentences the model cannot read, of which kinds, and what became of them."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in odd.most_common())
    outcome = "they are marked review" if decided else "their labels say little"
    what = "are in another script or language, or damaged"
    return f"{odd.total()} of {sentences} sentences {what} ({kinds}); sitrep reads English: {outcome}"
