"""What training minimises."""

import numpy as np
import torch

from sitrep.labels import Task
from sitrep.speakers import NAMES

CONTRAST_TEMPERATURE = 0.1
"""Of the contrastive loss, as its authors found it best."""


def sentence_losses(logits: torch.Tensor, targets: torch.Tensor, task: Task) -> torch.Tensor:
    """The loss of single sentences, in fp32.

    Args:
        logits: Shape (sentences, outputs).
        targets: The same shape: the wanted probability of each output.
        task: With one label a sentence cross-entropy, with many the sum of the classes' binary cross-entropies.

    Returns:
        Shape (sentences,).
    """
    logits = logits.float()
    if task is Task.multi_label:
        binary: torch.Tensor = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return binary.sum(-1)
    losses: torch.Tensor = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return losses


def speaker_balance(wanted: np.ndarray) -> dict[str, torch.Tensor]:
    """What each answer counts, so that the rare ones are learnt: its number of sentences to the power of -1/2.

    Args:
        wanted: As :func:`speaker_losses` takes it, of all that is learnt from.

    Returns:
        For each of :data:`sitrep.speakers.NAMES`, shape (answers,); the mean over the annotated sentences is 1.
    """
    balance = {}
    for place, (name, answers) in enumerate(NAMES.items()):
        numbers = wanted[:, place]
        counts = np.bincount(numbers[numbers >= 0], minlength=len(answers))
        weights = 1 / np.sqrt(np.maximum(counts, 1))
        balance[name] = torch.tensor(weights * counts.sum() / max(weights @ counts, 1), dtype=torch.float32)
    return balance


def speaker_losses(
    logits: dict[str, torch.Tensor], wanted: torch.Tensor, balance: dict[str, torch.Tensor]
) -> torch.Tensor:
    """Cross-entropy of how somebody speaks and who does, both added, in fp32; 0 where it was not annotated.

    Args:
        logits: For each of :data:`sitrep.speakers.NAMES`, shape (sentences, answers).
        wanted: Shape (sentences, 2): the number of each answer; -100 where there is none.
        balance: What each answer counts, as :func:`speaker_balance` gives it.

    Returns:
        Shape (sentences,).
    """
    losses = [
        torch.nn.functional.cross_entropy(
            logits[name].float(), wanted[:, place], balance[name], ignore_index=-100, reduction="none"
        )
        for place, name in enumerate(NAMES)
    ]
    return torch.stack(losses).sum(0)


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
