"""What training minimises."""

import torch

from sitrep.labels import Task

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
