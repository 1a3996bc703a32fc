"""What training minimises."""

from collections import Counter
from collections.abc import Sequence

import torch

from sitrep.config import ClassWeights, TrainerSettings
from sitrep.labels import CLASSES, NONE, Task
from sitrep.sentences import LabelledSentence

CONTRAST_TEMPERATURE = 0.1
"""Of the contrastive loss, as its authors found it best."""


class Objective:
    """The loss of single sentences, in fp32.

    With one label a sentence it is cross-entropy, with many the sum of the classes' binary cross-entropies. Class
    weights, label smoothing and the focal factor ``(1 - p) ** gamma`` of Lin et al., "Focal loss for dense object
    detection", ICCV 2017, go with either.

    Args:
        settings: Of the trainer.
        task: One label or many.
        train: The training split; balanced weights are taken from it. With one label they are one on average, so that
            they do not change the scale; with many they are the negatives for each positive.
        labels: Of the single-label task, in the order of the model's outputs.
    """

    def __init__(
        self, settings: TrainerSettings, task: Task, train: Sequence[LabelledSentence], labels: tuple[str, ...]
    ) -> None:
        self.settings = settings
        self.task = task
        self.none = labels.index(NONE) if NONE in labels else None
        self.weights: torch.Tensor | None = None
        if settings.class_weights is ClassWeights.balanced and task is Task.single_label:
            counts = Counter(sentence.label for sentence in train)
            self.weights = torch.tensor([len(train) / (len(labels) * counts[label]) for label in labels])
        elif settings.class_weights is ClassWeights.balanced:
            counts = Counter(label for sentence in train for label in set(sentence.labels))
            self.weights = torch.tensor([(len(train) - counts[label]) / max(1, counts[label]) for label in CLASSES])

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, applies: torch.Tensor) -> torch.Tensor:
        """Losses of sentences.

        Args:
            logits: Shape (sentences, outputs).
            labels: Shape (sentences,); number of the one label.
            applies: Shape (sentences, classes); 1 for each class that applies, else 0.

        Returns:
            Shape (sentences,).
        """
        logits, applies = logits.float(), applies.float()
        weights = None if self.weights is None else self.weights.to(logits.device)
        if self.task is Task.multi_label:
            return self._binary(logits, applies, weights)
        plain = torch.nn.functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=self.settings.label_smoothing, reduction="none"
        )
        if self.settings.focal_gamma:
            right = logits.softmax(-1).gather(1, labels[:, None])[:, 0]
            plain = plain * (1 - right) ** self.settings.focal_gamma
        if self.settings.label_set_loss and self.none is not None:
            plain = plain + self.settings.label_set_loss * self._label_set(logits, labels, applies)
        return plain

    def _binary(self, logits: torch.Tensor, applies: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        smoothing = self.settings.label_smoothing
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, applies * (1 - smoothing) + smoothing / 2, pos_weight=weights, reduction="none"
        )
        if self.settings.focal_gamma:
            right = torch.where(applies > 0, logits.sigmoid(), (-logits).sigmoid())
            losses = losses * (1 - right) ** self.settings.focal_gamma
        return losses.sum(-1)

    def _label_set(self, logits: torch.Tensor, labels: torch.Tensor, applies: torch.Tensor) -> torch.Tensor:
        """Every class against ``none``, whose output serves as a threshold that moves with the sentence.

        After Zhou et al., "Document-level relation extraction with adaptive thresholding", AAAI 2021. Needs no outputs
        of its own. A sentence filed under ``none`` though a class applies to it says nothing here.
        """
        above = logits[:, : len(CLASSES)] - logits[:, self.none : self.none + 1]  # type: ignore[operator]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(above, applies, reduction="none").mean(-1)
        return losses * ~((labels == self.none) & (applies.sum(-1) > 0))


def divergence(first: torch.Tensor, second: torch.Tensor, task: Task) -> torch.Tensor:
    """How far two answers to each sentence lie apart: the mean of both Kullback-Leibler divergences.

    Source: Liang et al., "R-Drop: regularized dropout for neural networks", NeurIPS 2021.

    Args:
        first: Logits of shape (sentences, outputs).
        second: The same from another pass.
        task: Whether outputs are parts of one distribution or one distribution each.

    Returns:
        Shape (sentences,).
    """
    log = torch.nn.functional.logsigmoid if task is Task.multi_label else torch.nn.functional.log_softmax
    parts = [first.float(), second.float()]
    if task is Task.multi_label:
        parts = [torch.stack([part, -part], dim=-1) for part in parts]
        one, two = (log(part) for part in parts)
    else:
        one, two = (log(part, dim=-1) for part in parts)
    difference = (one.exp() - two.exp()) * (one - two)
    total: torch.Tensor = difference.flatten(1).sum(-1) / 2
    return total


def supervised_contrast(vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss that is low where sentences of one label lie close and others far.

    Source: Khosla et al., "Supervised contrastive learning", NeurIPS 2020, the form with the sum outside.

    Args:
        vectors: Shape (sentences, size).
        labels: Shape (sentences,).

    Returns:
        A scalar: the mean over the sentences that share their label with another; 0 where none does.
    """
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    likeness = unit @ unit.T / CONTRAST_TEMPERATURE
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    share = torch.log_softmax(likeness.masked_fill(itself, float("-inf")), dim=-1).masked_fill(itself, 0)
    fellows = (labels[:, None] == labels[None, :]) & ~itself
    counts = fellows.sum(-1)
    losses = -(share * fellows).sum(-1) / counts.clamp(min=1)
    total: torch.Tensor = losses.sum() / (counts > 0).sum().clamp(min=1)
    return total
