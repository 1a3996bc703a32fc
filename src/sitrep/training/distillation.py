"""What training aims at: labels that were read, mixed with what other models hold likely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sitrep.data.split import Split
from sitrep.decisions import classes_that_apply, label_of
from sitrep.errors import UserError
from sitrep.inference.inputs import InputSource
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task, Taxonomy
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import Precision

UNLABELLED = "data.unlabelled_files"
"""Begins the names of pages without labels, before the number of the input that they are of."""


def wanted_probabilities(
    sentences: Sequence[LabelledSentence], taxonomy: Taxonomy, task: Task, distillation: float
) -> np.ndarray:
    """The distribution that each sentence is to be given: its label, mixed with its probabilities where it has them.

    Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015, at a temperature of 1. Probabilities
    of other classes than the model's play no part, such as those of the shipped corpus where ``labels=four``.

    Args:
        sentences: To learn from.
        taxonomy: Of their labels.
        task: With one label a sentence the wanted probabilities sum to one; with many each class stands for itself.
        distillation: Share of the probabilities, from 0 to 1.

    Returns:
        Shape (sentences, outputs), in the order of ``taxonomy.class_names(task)``.
    """
    names = taxonomy.class_names(task)
    applies = [s.labels if task is Task.multi_label else (s.label,) for s in sentences]
    wanted = np.array([[float(name in own) for name in names] for own in applies]).reshape(len(sentences), len(names))
    for index, sentence in enumerate(sentences):
        likely = sentence.probabilities
        if likely is not None and set(likely) == set(names):
            wanted[index] *= 1 - distillation
            wanted[index] += distillation * np.array([likely[name] for name in names])
    return wanted


@dataclass(frozen=True)
class Teachers:
    """Trained models whose probabilities a new one learns from.

    Attributes:
        checkpoints: Theirs.
        taxonomy: Of the labels of the one that learns.
        task: Its.
        precision: That they compute in.
    """

    checkpoints: tuple[Checkpoint, ...]
    taxonomy: Taxonomy
    task: Task
    precision: Precision

    @cached_property
    def _predictors(self) -> list[Predictor]:
        """Loaded once, though pages without labels are asked about apart."""
        return [Predictor.from_checkpoint(checkpoint, precision=self.precision) for checkpoint in self.checkpoints]

    @classmethod
    def open(cls, runs: Sequence[str], taxonomy: Taxonomy, task: Task, precision: Precision) -> "Teachers":
        """Check them as far as that goes without loading one.

        Raises:
            UserError: If one is no checkpoint, or answers with other labels.
        """
        checkpoints = []
        for run in runs:
            try:
                checkpoint = open_checkpoint(run)
            except UserError as error:
                reason = str(error).removeprefix(f"checkpoint={run}: ")
                raise UserError(f"trainer.teacher={run}: {reason}") from None
            names = checkpoint.taxonomy.class_names(checkpoint.task)
            wanted = taxonomy.class_names(task)
            if checkpoint.task is not task or set(names) != set(wanted):
                raise UserError(
                    f"trainer.teacher={run}: answers as {checkpoint.task.name} with {', '.join(names)}; "
                    f"{task.name} with {', '.join(wanted)} is wanted"
                )
            checkpoints.append(checkpoint)
        return cls(tuple(checkpoints), taxonomy, task, precision)

    def strangers(self, test: str) -> Iterator[str]:
        """Teachers that may have learnt from the test set, as theirs was another.

        Args:
            test: SHA-256 of the test set, as :meth:`sitrep.data.split.Split.digests` gives it.
        """
        for checkpoint in self.checkpoints:
            if checkpoint.record is None or checkpoint.record.split.get("test") != test:
                yield str(checkpoint.folder)

    def teach(self, sentences: Sequence[LabelledSentence]) -> tuple[LabelledSentence, ...]:
        """The same sentences with the mean of the teachers' probabilities, whatever theirs were before.

        Teachers that read pages read each sentence within those of its page that are given.
        """
        return self._with_probabilities(sentences, self._mean_probabilities(sentences))

    def instruct(self, split: Split, files: Sequence[str]) -> tuple[Split, tuple[LabelledSentence, ...], int]:
        """Give what is learnt from the teachers' probabilities.

        Args:
            split: Of the data.
            files: Pages without labels, as :meth:`label` takes them.

        Returns:
            The split, the sentences of the pages, and how many are left out: those that stand in the validation or the
            test set, and those of a training page whose label is known.
        """
        found = self.label(files)
        measured = {sentence.text for part in (split.validation, split.test) for sentence in part}
        known = {(sentence.article_id, sentence.text) for sentence in split.train}
        unlabelled = tuple(
            unit for unit in found if unit.text not in measured and (_page(unit), unit.text) not in known
        )
        return replace(split, train=self.teach(split.train)), unlabelled, len(found) - len(unlabelled)

    def label(self, files: Sequence[str]) -> tuple[LabelledSentence, ...]:
        """Read pages without labels, and give each sentence the teachers' probabilities and the likeliest label.

        That label tells furniture from text where pages are mixed; what is wanted are the probabilities.

        Args:
            files: Pages, folders of them, or rows, as ``scripts/predict.py`` reads them. Pages of one name in two of
                them, or with the name of a labelled one, are different pages.

        Raises:
            UserError: If one cannot be read.
        """
        asked = [
            self._unlabelled(passage, number)
            for number, file in enumerate(files, 1)
            for passage in InputSource(file).passages()
        ]
        if not asked:
            return ()
        means = self._mean_probabilities(asked)
        taught = self._with_probabilities(asked, means)
        return tuple(replace(unit, label=label) for unit, label in zip(taught, self._likeliest(means), strict=True))

    def _mean_probabilities(self, sentences: Sequence[LabelledSentence]) -> np.ndarray:
        """Shape (sentences, outputs), in the order of the one that learns."""
        total = np.zeros(())
        for predictor in self._predictors:
            order = [predictor.class_names.index(name) for name in self.taxonomy.class_names(self.task)]
            total = total + predictor.probabilities_of_units(sentences)[:, order]
        return total / len(self._predictors)

    def _with_probabilities(
        self, sentences: Sequence[LabelledSentence], means: np.ndarray
    ) -> tuple[LabelledSentence, ...]:
        names = self.taxonomy.class_names(self.task)
        return tuple(
            replace(sentence, probabilities=dict(zip(names, row.tolist(), strict=True)))
            for sentence, row in zip(sentences, means, strict=True)
        )

    def _likeliest(self, means: np.ndarray) -> list[str]:
        if self.task is Task.multi_label:
            applies = classes_that_apply(means, dict.fromkeys(self.taxonomy.classes, 0.5), self.taxonomy)
            return label_of(applies, self.taxonomy)
        return [self.taxonomy.labels[place] for place in means.argmax(axis=-1)]

    def _unlabelled(self, passage: Passage, number: int) -> LabelledSentence:
        label = self.taxonomy.labels[0]  # until the teachers have answered
        name, page = (f"{UNLABELLED} {number}: {own}" for own in (passage.id, passage.article_id))
        return LabelledSentence(passage.text, label, (), name, page, passage.position, passage.fields)


def _page(unit: LabelledSentence) -> str:
    """Name of its page where it was read; it goes by another, as inputs and labelled data may share names."""
    return unit.article_id.partition(": ")[2]
