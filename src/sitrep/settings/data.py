"""Where labelled sentences come from."""

from dataclasses import dataclass, field, fields

from sitrep.settings.rules import expand_home, require

SHIPPED = "sitrep:corpus"
"""Names the corpus that ships with the program, among files."""


@dataclass
class DataSettings:
    """Where labelled sentences come from and how they are divided."""

    train_files: list[str] = field(default_factory=lambda: [SHIPPED])
    """Files (`.jsonl` `.csv` `.tsv` `.parquet`), folders saved by `datasets`, hub names, or `sitrep:corpus`."""
    validation_files: list[str] = field(default_factory=list)
    """Data that chooses the best epoch; empty: whole articles are held out of `train_files`."""
    test_files: list[str] = field(default_factory=list)
    """Data that the report is about; empty: whole articles are held out of `train_files`."""
    calibration_files: list[str] = field(default_factory=list)
    """Labelled pages unlike the others, on which temperature and acceptance thresholds are fitted too."""
    unlabelled_files: list[str] = field(default_factory=list)
    """Pages without labels (files, folders, rows, as `input` of prediction), which `trainer.teacher` labels."""
    text_field: str = "text"
    """Column that holds the sentence."""
    label_field: str = "label"
    """Column that holds the one label."""
    labels_field: str = "labels"
    """Column that holds every label that applies (optional; a list, or names parted by `|`)."""
    article_id_field: str = "article_id"
    """Column that says which article a sentence belongs to (optional; without it each row stands alone)."""
    position_field: str = "position"
    """Column with the place of the sentence in its article (optional)."""
    id_field: str = "id"
    """Column that identifies the row (optional)."""
    speech_field: str = "speech"
    """Column that says whether the sentence holds speech: `none`, `direct` or `reported` (optional)."""
    speaker_field: str = "speaker"
    """Column that says who speaks in it: `none`, `official`, `witness` and so on, see the codebook (optional)."""
    label_map: dict[str, str] = field(default_factory=dict)
    """Your label names to ours, for example `{attack: attack_description, other: none}`."""
    validation_fraction: float = 0.15
    """Share of the units, in whole articles, held out for validation where `validation_files` is empty."""
    test_fraction: float = 0.2
    """Share of the units, in whole articles, held out for test where `test_files` is empty."""
    split_seed: int = 0
    """Seed of the division into whole articles; apart from `seed`, so that runs with other seeds share a test set."""
    allow_leakage: bool = False
    """Train although a text stands in more than one set."""

    def __post_init__(self) -> None:
        expand_home(self, *(item.name for item in fields(self) if item.name.endswith("_files")))
        require(bool(self.train_files), "data.train_files", self.train_files, "name at least one file")
        for name in ("validation_fraction", "test_fraction"):
            value = getattr(self, name)
            require(0 < value < 0.5, f"data.{name}", value, "must lie between 0 and 0.5")


@dataclass
class EvaluateDataSettings:
    """Labelled data to score a checkpoint on; whatever is `null` is as it was in training."""

    test_files: list[str] = field(default_factory=list)
    """Data to score; empty: the test split of the data that the checkpoint was trained on."""
    text_field: str | None = None
    """Column that holds the sentence."""
    label_field: str | None = None
    """Column that holds the one label."""
    labels_field: str | None = None
    """Column that holds every label that applies."""
    article_id_field: str | None = None
    """Column that says which article a sentence belongs to."""
    position_field: str | None = None
    """Column with the place of the sentence in its article."""
    id_field: str | None = None
    """Column that identifies the row."""
    speech_field: str | None = None
    """Column that says whether the sentence holds speech."""
    speaker_field: str | None = None
    """Column that says who speaks in it."""
    label_map: dict[str, str] = field(default_factory=dict)
    """Your label names to ours; empty: as in training."""

    def __post_init__(self) -> None:
        expand_home(self, "test_files")
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "test_files" and value not in (None, {}):
                require(bool(self.test_files), f"data.{item.name}", value, "says nothing without data.test_files")
