"""What a sentence can be labelled with: taxonomies as data, the shipped ones and those of users."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sitrep.errors import UsageError, UserError

SHIPPED = Path(__file__).parent / "taxonomies"


class Task(Enum):
    """What a model answers: one label a sentence, or every class that applies."""

    single_label = "single_label"
    multi_label = "multi_label"


@dataclass(frozen=True)
class Taxonomy:
    """The labels of a task and how they go together.

    Attributes:
        meanings: What a sentence does that has the label, by label, in the order of the model's outputs.
        negative: The label of what no class applies to; ``None`` where every sentence has a class.
        averaged: Labels whose F1 the headline figure averages; by default all but the negative one.
        exclusive: Classes beside which no other applies.
        precedence: Which of several classes a sentence is filed under, first come first; exclusive classes and those
            that are not named go before and after, in the order of ``meanings``.
        left_out: Labels that data may hold, whose rows are passed over in training and scoring.

    Raises:
        ValueError: If a name that is used is not a label, or there are fewer than two labels.
    """

    meanings: Mapping[str, str]
    negative: str | None = None
    averaged: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    precedence: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.meanings) < 2:
            raise ValueError(f"labels must name two or more, not {list(self.meanings)}")
        if self.negative is not None and self.negative not in self.meanings:
            raise ValueError(f"negative must be one of the labels {list(self.meanings)}, not {self.negative!r}")
        for name in ("averaged", "exclusive", "precedence"):
            for label in getattr(self, name):
                if label not in self.classes:
                    raise ValueError(f"{name} must hold classes of {list(self.classes)}, not {label!r}")
        for label in self.left_out:
            if label in self.meanings:
                raise ValueError(f"left_out must hold other labels than those of the model, not {label!r}")
        object.__setattr__(self, "averaged", self.averaged or self.classes)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a sentence can get, in the order of the model's outputs."""
        return tuple(self.meanings)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels without the negative one."""
        return tuple(label for label in self.meanings if label != self.negative)

    @property
    def known(self) -> tuple[str, ...]:
        """Every label that data may hold."""
        return (*self.labels, *self.left_out)

    @property
    def filing_order(self) -> tuple[str, ...]:
        """The classes as they go before each other where several apply to a sentence."""
        return tuple(dict.fromkeys((*self.exclusive, *self.precedence, *self.classes)))

    def class_names(self, task: Task) -> tuple[str, ...]:
        """Names of a model's outputs in order; with many labels the classes alone, as none may apply."""
        return self.classes if task is Task.multi_label else self.labels

    def validate(self, label: str, labels: Sequence[str]) -> None:
        """Refuse labels of a sentence that contradict the taxonomy.

        Args:
            label: The one that it is filed under.
            labels: Every class that applies.

        Raises:
            ValueError: With what is wrong and the remedy.
        """
        for name in (label, *labels):
            if name not in self.known:
                written = name if re.fullmatch(r"[\w.-]+", name) else "'" + name.replace("'", "\\'") + "'"
                raise ValueError(
                    f"unknown label {name!r}; use one of {', '.join(self.known)}, or map it with "
                    f"data.label_map={{{written}: {self.negative or self.labels[0]}}}"
                )
        if label != self.negative and label not in self.left_out and label not in labels:
            raise ValueError(f"label {label!r} is not among its labels {list(labels)}")
        for name in self.exclusive:
            if name in labels and len(set(labels)) > 1:
                raise ValueError(f"labels are {list(labels)}; {name} excludes the other classes")

    def as_plain(self) -> dict[str, Any]:
        """The content of a taxonomy file."""
        content: dict[str, Any] = {"labels": dict(self.meanings)}
        if self.negative is not None:
            content["negative"] = self.negative
        for name in OPTIONAL_LISTS:
            if values := getattr(self, name):
                content[name] = list(values)
        return content


OPTIONAL_LISTS = ("averaged", "exclusive", "precedence", "left_out")


@functools.cache
def shipped_taxonomy(name: str) -> Taxonomy:
    """A taxonomy that comes with the program: ``five``, or ``four``, which leaves ``none`` out."""
    return read_taxonomy(SHIPPED / f"{name}.yaml")


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped taxonomies."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def find_taxonomy(name: str) -> Taxonomy:
    """The taxonomy that the setting ``labels`` names.

    Args:
        name: Of a shipped one, or a YAML file.

    Raises:
        UsageError: If it is neither.
        UserError: If the file is not a taxonomy.
    """
    if name in shipped_names():
        return shipped_taxonomy(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"labels={name}: no such choice; use one of {', '.join(shipped_names())}, or a YAML file")
    return read_taxonomy(path)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy file: ``labels`` (names with meanings, or a list) and the fields of :class:`Taxonomy`.

    Raises:
        UserError: If it is not YAML or not a taxonomy, with what is wrong.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("labels"), dict | list):
        raise UserError(f"{path}: must map `labels` to the names of the labels and what they mean")
    if unknown := content.keys() - {"labels", "negative", *OPTIONAL_LISTS}:
        raise UserError(f"{path}: there is no field {sorted(map(str, unknown))[0]!r} in a taxonomy")
    given = content["labels"]
    meanings = given if isinstance(given, dict) else dict.fromkeys(given, "")
    lists = {name: content.get(name) or [] for name in OPTIONAL_LISTS}
    named = [*meanings, *(item for value in lists.values() if isinstance(value, list) for item in value)]
    wrong = [item for item in named if not isinstance(item, str) or not item.strip()]
    if wrong or not all(isinstance(value, list) for value in lists.values()):
        what = f"{wrong[0]!r}; put it in quotes" if wrong else "something else than a list"
        raise UserError(f"{path}: labels must be names of text, not {what}")
    try:
        return Taxonomy(
            {name: str(meaning or "") for name, meaning in meanings.items()},
            content.get("negative"),
            **{name: tuple(value) for name, value in lists.items()},
        )
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
