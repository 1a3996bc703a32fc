"""How right a model is about who speaks, where the scored units say it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sitrep.labels import Taxonomy
from sitrep.metrics.intervals import ScoreIntervals, score_intervals
from sitrep.metrics.resampling import article_confusions
from sitrep.metrics.scores import Scores, score
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.speakers import NAMES, NOBODY


@dataclass(frozen=True)
class SpeakerScores:
    """Figures of one of :data:`sitrep.speakers.NAMES`.

    Attributes:
        names: Of the answers, in the order of the confusion matrix.
        units: That say the true answer.
        scores: Macro-F1 is over the kinds of speech or speaker that occur, that of nobody left out.
        intervals: By bootstrap over articles.
    """

    names: tuple[str, ...]
    units: int
    scores: Scores
    intervals: ScoreIntervals

    def as_plain(self) -> dict[str, Any]:
        """For ``metrics.json``."""
        return {
            "names": list(self.names),
            "units": self.units,
            "macro_f1": self.scores.macro_f1,
            "accuracy": self.scores.accuracy,
            "per_class": {name: asdict(figures) for name, figures in self.scores.per_class.items()},
            "confusion_rows_true": self.scores.confusion.tolist(),
            "intervals": asdict(self.intervals),
        }


def score_speakers(
    sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction], draws: int, seed: int
) -> dict[str, SpeakerScores]:
    """Figures by question; of those alone that units and predictions both answer.

    Args:
        sentences: Units, of which those that were not annotated are passed over.
        predictions: One each.
        draws: Of articles, for the intervals.
        seed: Of the draws.
    """
    return {name: found for name in NAMES if (found := _score(name, sentences, predictions, draws, seed)) is not None}


def _score(
    name: str, sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction], draws: int, seed: int
) -> SpeakerScores | None:
    answers = [
        (getattr(sentence, name), getattr(prediction, name), sentence.article_id)
        for sentence, prediction in zip(sentences, predictions, strict=True)
    ]
    known = [answer for answer in answers if None not in answer]
    if not known:
        return None
    true, given, articles = ([answer[place] for answer in known] for place in range(3))
    occurring = tuple(kind for kind in NAMES[name] if kind != NOBODY and kind in set(true))
    taxonomy = Taxonomy(dict.fromkeys(NAMES[name], ""), negative=NOBODY, averaged=occurring)
    confusions = article_confusions(true, given, taxonomy.labels, articles)
    return SpeakerScores(
        names=taxonomy.labels,
        units=len(known),
        scores=score(true, given, taxonomy),
        intervals=score_intervals(confusions, taxonomy, draws, seed),
    )
