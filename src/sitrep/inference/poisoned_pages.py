"""Which pages of a part end the worker that labels them."""

from collections.abc import Callable, Sequence
from itertools import groupby

from sitrep.errors import UserError
from sitrep.inference.left_out import reason_line
from sitrep.inference.outputs import readable
from sitrep.sentences import Passage


def without_poisoned(
    passages: Sequence[Passage], survives: Callable[[Sequence[Passage]], bool], why: str
) -> tuple[list[Passage], list[str]]:
    """Leave out the pages that cannot be labelled, which halving finds; each is tried twice alone.

    Args:
        passages: Of a part.
        survives: Whether some of them can be labelled.
        why: What happened to the part, for the reasons.

    Returns:
        The sentences that are left, and a line of JSON for each page that is not.
    """
    pages = [list(page) for _, page in groupby(passages, key=lambda passage: passage.article_id)]
    suspects, poisoned = [pages], dict[str, None]()
    while suspects:
        group = suspects.pop()
        if survives([passage for page in group for passage in page]):
            continue
        if len(group) > 1:
            middle = len(group) // 2
            suspects += [group[middle:], group[:middle]]
        elif not survives(group[0]):
            poisoned[group[0][0].article_id] = None
    reason = f"could not be labelled in two tries: {' '.join(why.split())}"
    lines = [reason_line(UserError(f"{readable(article)}: {reason}")) for article in poisoned]
    return [passage for passage in passages if passage.article_id not in poisoned], lines
