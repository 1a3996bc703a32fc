"""Which module writes and reads which format."""

from sitrep.labelling.exchange import Exchange
from sitrep.settings.choices import LabelFormat

EXCHANGES: dict[LabelFormat, Exchange] = {}
"""By format."""
