"""What a model says of who speaks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sitrep.decisions import who_speaks, who_speaks_likeliest
from sitrep.speakers import OUTPUTS, SPEAKERS, SPEECH

Said = tuple[str, str, dict[str, float]] | tuple[()]
"""``speech``, ``speaker`` and the speakers' probabilities of a sentence; nothing where that was not asked."""


@dataclass(frozen=True)
class SpeakerProbabilities:
    """How somebody speaks and who does, of any number of sentences.

    Attributes:
        speech: Shape (sentences, kinds), float64; rows sum to one.
        speaker: Shape (sentences, speakers), likewise; the first column, of nobody, is that of ``speech``.
        speech_names: Of the columns of ``speech``.
        speaker_names: Of the columns of ``speaker``.
    """

    speech: np.ndarray
    speaker: np.ndarray
    speech_names: ClassVar[tuple[str, ...]] = SPEECH
    speaker_names: ClassVar[tuple[str, ...]] = SPEAKERS

    @classmethod
    def of(cls, logits: np.ndarray) -> "SpeakerProbabilities":
        """Out of a model's outputs, the last of which these are."""
        return cls(*who_speaks(logits[:, -OUTPUTS:]))

    def likeliest(self) -> tuple[list[str], list[str]]:
        """``speech`` and ``speaker`` of each sentence; both are ``none``, or neither is."""
        return who_speaks_likeliest(self.speech, "speech"), who_speaks_likeliest(self.speaker, "speaker")

    def said(self) -> list[Said]:
        """What is told of each sentence."""
        shares = (dict(zip(SPEAKERS, row, strict=True)) for row in self.speaker.tolist())
        return list(zip(*self.likeliest(), shares, strict=True))
