"""Who speaks in a sentence, and whether the words themselves are given: the names of both, as the model numbers them.

``docs/codebook.md`` says what they mean.
"""

from sitrep.errors import UserError

NOBODY = "none"
"""Name in both where a sentence holds no speech; the first of each."""

SPEECH = (NOBODY, "direct", "reported")
SPEAKERS = (
    NOBODY,
    "official",
    "armed_group",
    "organisation",
    "expert",
    "witness",
    "company",
    "outlet",
    "unnamed",
    "other",
)
NAMES = {"speech": SPEECH, "speaker": SPEAKERS}
"""What is asked of a sentence, in order, and the answers that there are."""

OUTPUTS = sum(map(len, NAMES.values()))
"""Of both questions together."""


def check_names(speech: str | None, speaker: str | None, place: str) -> None:
    """See that both are known names and go together.

    Args:
        speech: One of :data:`SPEECH`; ``None`` where it was not annotated.
        speaker: One of :data:`SPEAKERS`; likewise.
        place: File and line that they were read from.

    Raises:
        UserError: If one is unknown, or one says that nobody speaks and the other that somebody does.
    """
    for name, found in (("speech", speech), ("speaker", speaker)):
        if found is not None and found not in NAMES[name]:
            known = ", ".join(NAMES[name])
            remedy = f"data.{name}_field names the column that holds it"
            raise UserError(f"{place}: {name} {found!r} is none of {known}; leave it empty where unknown; {remedy}")
    if None not in (speech, speaker) and (speech == NOBODY) is not (speaker == NOBODY):
        raise UserError(
            f"{place}: speech {speech!r} and speaker {speaker!r} do not go together; both are none or neither"
        )
