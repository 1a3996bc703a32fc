"""The errors that the model was surest of, with what stands around them on the page."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sitrep.sentences import LabelledSentence, Prediction

CONTEXT_BEFORE = 2
CONTEXT_AFTER = 1


@dataclass(frozen=True)
class Mistake:
    """One wrongly labelled unit.

    Attributes:
        sentence: The unit with its true label.
        predicted: The label that the model gave it.
        confidence: The probability of that label.
        true_probability: The probability that the model left for the true label.
        before: The units before it in its article, nearest last.
        after: Those behind it.
    """

    sentence: LabelledSentence
    predicted: str
    confidence: float
    true_probability: float
    before: tuple[str, ...]
    after: tuple[str, ...]


def most_confident(
    sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction], limit: int
) -> list[Mistake]:
    """Errors with the highest probability of the wrong label, at most ``limit``, surest first."""
    wrong = [
        (prediction.probability_of(prediction.label), index)
        for index, (sentence, prediction) in enumerate(zip(sentences, predictions, strict=True))
        if prediction.label != sentence.label
    ]
    wrong.sort(key=lambda item: (-item[0], item[1]))
    articles: dict[str, list[LabelledSentence]] = defaultdict(list)
    for sentence in sentences:
        articles[sentence.article_id].append(sentence)
    for units in articles.values():
        units.sort(key=lambda sentence: sentence.position)
    return [_mistake(sentences[index], predictions[index], articles) for _, index in wrong[:limit]]


def _mistake(
    sentence: LabelledSentence, prediction: Prediction, articles: dict[str, list[LabelledSentence]]
) -> Mistake:
    article = articles[sentence.article_id]
    place = article.index(sentence)
    return Mistake(
        sentence=sentence,
        predicted=prediction.label,
        confidence=prediction.probability_of(prediction.label),
        true_probability=prediction.probability_of(sentence.label),
        before=tuple(unit.text for unit in article[max(0, place - CONTEXT_BEFORE) : place]),
        after=tuple(unit.text for unit in article[place + 1 : place + 1 + CONTEXT_AFTER]),
    )
