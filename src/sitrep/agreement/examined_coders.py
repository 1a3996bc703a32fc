"""All that is found out about the labels of some coders."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sitrep.agreement.coder_files import CodedUnits
from sitrep.agreement.reliability import PairAgreement, Reliability
from sitrep.agreement.third_reader import DecidedUnits


@dataclass(frozen=True)
class ExaminedCoders:
    """What the report is made of.

    Attributes:
        coded: What coders said.
        counts: How many units each coder filed under each label.
        reliability: Krippendorff's alpha.
        pairs: Coders two by two.
        model: Coders against the model; empty where it was not asked for.
        outcome: What is decided and what is not.
        settings: Of the run.
    """

    coded: CodedUnits
    counts: dict[str, Counter[str]]
    reliability: Reliability
    pairs: list[PairAgreement]
    model: list[PairAgreement]
    outcome: DecidedUnits
    settings: dict[str, Any]

    @property
    def pages(self) -> int:
        """Of the units that two coders or more labelled."""
        return len({one.unit.article_id for one in self.coded.shared})
