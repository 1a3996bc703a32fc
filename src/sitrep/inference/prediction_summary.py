"""What a prediction says at its end."""

import shlex
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from sitrep.inference.stage_clock import StageClock
from sitrep.inference.tally import PageCounts, Tally, table_of_classes, table_of_pages
from sitrep.metrics.abstention import labels_to_back
from sitrep.sentences import UNFAMILIAR_VOCABULARY
from sitrep.storage.object_storage import is_object_url

USUAL_TARGET = 0.95


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


def say_remarks(
    console: Console, tally: Tally, target_precision: float | None, duplicates: str | None, source: str
) -> None:
    """What repeats, what could not be read, and what is unlike the training data, a line each if there is any.

    Args:
        console: Where it goes.
        tally: What was counted.
        target_precision: That predictions which need no check were promised; ``None`` if none says what to review.
        duplicates: How much repeats, in words; ``None`` if that was not looked for.
        source: What was read, as the user named it.
    """
    lines, decided = [duplicates] if duplicates else [], target_precision is not None
    if tally.odd:
        lines.append(unreadable(tally.odd, tally.sentences, decided))
    if tally.unfamiliar:
        lines.append(unfamiliar(tally, decided))
        lines.append(next_step(target_precision or USUAL_TARGET, source))
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
        f"{'its' if tally.unfamiliar_pages == 1 else 'their'} words (unfamiliar={UNFAMILIAR_VOCABULARY}): {outcome}"
    )


def next_step(target_precision: float, source: str) -> str:
    """One line: the command that draws labels which can back a promise on pages like these."""
    named = "PAGES" if source == "-" or is_object_url(source) else shlex.quote(source)
    return (
        f"if such pages matter: scripts/label.py select input={named} n={labels_to_back(target_precision)}, "
        f"label them, then scripts/label.py adapt; so many can back a precision of {target_precision:g}"
    )


def _print(console: Console, lines: Sequence[str]) -> None:
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
