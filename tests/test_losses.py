import math

import pytest
import torch

from sitrep.labels import Task
from sitrep.training.losses import sentence_losses, supervised_contrast


def test_loss_of_one_label_is_cross_entropy():
    logits = torch.tensor([[2.0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    losses = sentence_losses(logits, torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1]]), Task.single_label)
    assert losses.tolist() == pytest.approx([math.log(math.exp(2) + 4) - 2, math.log(5)])


def test_loss_of_several_likely_labels_weighs_each_by_its_probability():
    logits = torch.tensor([[2.0, 0, 0, 0, 0]])
    losses = sentence_losses(logits, torch.tensor([[0.75, 0, 0, 0, 0.25]]), Task.single_label)
    assert losses.item() == pytest.approx(math.log(math.exp(2) + 4) - 0.75 * 2)


def test_many_labels_are_scored_one_by_one():
    logits = torch.tensor([[3.0, -1, 0, 0]])
    losses = sentence_losses(logits, torch.tensor([[1.0, 1, 0, 0]]), Task.multi_label)
    assert losses.item() == pytest.approx(math.log1p(math.exp(-3)) + math.log1p(math.exp(1)) + 2 * math.log(2))


def test_contrast_is_low_where_labels_lie_together():
    labels = torch.tensor([0, 0, 1, 1])
    together = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]])
    mixed = together[[0, 2, 1, 3]]
    assert supervised_contrast(together, labels) < 0.1
    assert supervised_contrast(mixed, labels) > 2


def test_contrast_by_hand_and_nothing_without_fellows():
    vectors = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    # each of the pair: similarity 10 to its fellow, 0 to the third
    assert supervised_contrast(vectors, torch.tensor([0, 0, 1])).item() == pytest.approx(
        math.log1p(math.exp(-10)), abs=1e-6
    )
    assert supervised_contrast(vectors, torch.tensor([0, 1, 2])) == 0
