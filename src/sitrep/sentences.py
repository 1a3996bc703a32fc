"""What the program passes around: labelled sentences, articles, and predictions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MAIN_TEXT = "main_text"
"""Column of pages of HTML: the probability that a sentence belongs to what the page is about."""

OUTPUT_FIELDS = frozenset(
    {
        "id",
        "article_id",
        "position",
        "start",
        "end",
        "text",
        "label",
        "probabilities",
        "speech",
        "speaker",
        "speaker_probabilities",
        "decision",
        "unfamiliar",
        "truncated",
        "true_label",
        "true_labels",
        "true_speech",
        "true_speaker",
        "read_as",
        "page_group",
        "sentence_group",
        MAIN_TEXT,
    }
)
"""Names of a prediction's own fields; those that begin as :data:`OUTPUT_COLUMNS` do are its own too."""

OUTPUT_COLUMNS = ("probability_", "speaker_probability_")
"""What the columns of probabilities begin with in tables."""

UNFAMILIAR_VOCABULARY = "vocabulary"
"""That a page holds far more words than usual that few training articles hold."""


def carried_fields(fields: Mapping[str, Any], taken: Collection[str] = ()) -> dict[str, Any]:
    """Fields of an input row for the output: one that has the name of an output field gets ``input_`` before it.

    Args:
        fields: Of the row.
        taken: Names that the output of this row has besides :data:`OUTPUT_FIELDS`.
    """
    own = OUTPUT_FIELDS.union(taken)
    carried: dict[str, Any] = {}
    for key, value in fields.items():
        name = key
        while name in own or name.startswith(OUTPUT_COLUMNS) or (name != key and name in fields):
            name = f"input_{name}"
        carried[name] = value
    return carried


class Use(Enum):
    """What the units of an article are for in training."""

    any = "any"
    """To learn from, or to be held out."""
    learning = "learning"
    """To learn from alone, and never to be measured on."""
    calibration = "calibration"
    """To fit probabilities and thresholds on, and never to learn from."""


@dataclass(frozen=True)
class LabelledSentence:
    """One unit of text with the class that an analyst filed it under.

    Attributes:
        text: The sentence or stand-alone line as it came off the page; never blank.
        label: The one label that it is filed under.
        labels: Every class that applies; may hold a class though ``label`` is the negative one. What labels there are
            and how they go together, :meth:`sitrep.labels.Taxonomy.validate` checks.
        id: Unique within its data.
        article_id: The page that the unit came from. Units of one article never part.
        position: Place of the unit in its article, counted from 0.
        fields: Whatever else the row held, such as ``region`` or ``register``.
        place: File and line that it was read from, as error messages show it; empty where it was not read.
        probabilities: Of each label, as models that learnt from other articles see it; ``None`` where none was asked.
        use: What its article is for.
        speech: Whether it holds speech, and of what kind (:data:`sitrep.speakers.SPEECH`); ``None``: nobody has said.
        speaker: Who speaks in it (:data:`sitrep.speakers.SPEAKERS`); likewise.

    Raises:
        ValueError: If the text is blank.
    """

    text: str
    label: str
    labels: tuple[str, ...]
    id: str
    article_id: str
    position: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    probabilities: Mapping[str, float] | None = None
    use: Use = Use.any
    speech: str | None = None
    speaker: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("the text is empty; fill it or remove the row")


@dataclass(frozen=True)
class Passage:
    """One sentence that waits for its prediction.

    Attributes:
        id: Of the sentence.
        article_id: Of the article that it belongs to.
        position: Place in the article, counted from 0.
        start: Offset of its first character in the text that it was cut from.
        end: Offset behind its last character, so that ``text == source[start:end]``.
        text: The sentence itself.
        fields: What the input row held besides; carried through to the output.
        source: The whole text that it was cut from, for outputs that show what stands between sentences; ``None`` where
            the sentence came alone.
        read_as: What the model reads instead of the text: the whole sentence of which a row is but a line.
    """

    id: str
    article_id: str
    position: int
    start: int
    end: int
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = field(default=None, repr=False, compare=False)
    read_as: str | None = None


@dataclass(frozen=True)
class Prediction:
    """What the model says of one passage.

    Attributes:
        passage: The sentence that was read.
        label: The most probable label; of several classes that apply the one that the taxonomy puts first.
        probabilities: Of every label, in the order of the taxonomy; they sum to one. With ``labels`` it is of every
            class that it applies, each by itself.
        truncated: Whether the sentence was longer than the model reads, so that its end was not seen.
        labels: Every class that applies; ``None`` where the model answers with one label.
        decision: ``accept`` or ``review``; ``None`` where the checkpoint holds no thresholds for that.
        unfamiliar: Why the sentence is unlike what the model was trained on, so that it is never accepted:
            :data:`UNFAMILIAR_VOCABULARY` of its page, or an oddity (:mod:`sitrep.pages.legibility`); ``None``: it is
            not.
        speech: Whether it holds speech, and of what kind (:data:`sitrep.speakers.SPEECH`); ``None``: it was not asked.
        speaker: Who speaks in it (:data:`sitrep.speakers.SPEAKERS`); ``none`` if and only if ``speech`` is.
        speaker_probabilities: Of each speaker; they sum to one.
    """

    passage: Passage
    label: str
    probabilities: Mapping[str, float]
    truncated: bool = False
    labels: tuple[str, ...] | None = None
    decision: str | None = None
    unfamiliar: str | None = None
    speech: str | None = None
    speaker: str | None = None
    speaker_probabilities: Mapping[str, float] | None = None

    def probability_of(self, label: str) -> float:
        """Probability of a label; with ``labels``, the negative one is as probable as the likeliest class is not."""
        return probability_of(label, self.probabilities)


def probability_of(label: str, probabilities: Mapping[str, float]) -> float:
    """As :meth:`Prediction.probability_of`."""
    if label in probabilities:
        return probabilities[label]
    return 1 - max(probabilities.values())
