import math

import pytest
import torch
from conftest import CONFIGS

from sitrep.config import TrainSettings
from sitrep.errors import UsageError
from sitrep.hydra_entry import compose, typed
from sitrep.labels import CLASSES, LabelSet, Task
from sitrep.training.losses import Objective, divergence, supervised_contrast

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = range(5)


def objective(*overrides, task=Task.single_label):
    settings = typed(compose(CONFIGS, "train", TrainSettings, list(overrides)), TrainSettings)
    return Objective(settings.trainer, task, (), LabelSet.five.names)


def applies(*rows):
    return torch.tensor([[int(index in row) for index in range(len(CLASSES))] for row in rows])


def test_plain_loss_is_cross_entropy():
    logits = torch.tensor([[2.0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    losses = objective()(logits, torch.tensor([ATTACK, NONE]), applies({ATTACK}, ()))
    assert losses.tolist() == pytest.approx([math.log(math.exp(2) + 4) - 2, math.log(5)])


def test_focal_factor_discounts_what_the_model_is_sure_of():
    logits, label = torch.tensor([[2.0, 0, 0, 0, 0]]), torch.tensor([ATTACK])
    right = math.exp(2) / (math.exp(2) + 4)
    focal = objective("trainer.focal_gamma=2")(logits, label, applies({ATTACK}))
    assert focal.item() == pytest.approx(-math.log(right) * (1 - right) ** 2)


def test_label_set_loss_puts_every_class_that_applies_above_none():
    with_set = objective("trainer.label_set_loss=1")
    label, sets = torch.tensor([TOLL]), applies({TOLL, ATTACK})
    second_above = torch.tensor([[1.0, -4, 4, -4, 0]])
    second_below = torch.tensor([[-4.0, 1, 4, -4, 0]])
    extra = [(with_set(x, label, sets) - objective()(x, label, sets)).item() for x in (second_above, second_below)]
    softplus = [math.log1p(math.exp(-x)) for x in (1, 4, 4, 4)]
    assert extra[0] == pytest.approx(sum(softplus) / 4)
    assert extra[1] > extra[0] + 0.5


def test_label_set_loss_is_silent_where_none_was_chosen_though_a_class_applies():
    logits, label, sets = torch.randn(1, 5), torch.tensor([NONE]), applies({TOLL})
    assert objective("trainer.label_set_loss=1")(logits, label, sets) == objective()(logits, label, sets)


def test_many_labels_are_scored_one_by_one():
    logits = torch.tensor([[3.0, -1, 0, 0]])
    losses = objective(task=Task.multi_label)(logits, torch.tensor([ATTACK]), applies({ATTACK, STATEMENT}))
    assert losses.item() == pytest.approx(math.log1p(math.exp(-3)) + math.log1p(math.exp(1)) + 2 * math.log(2))


def test_divergence_is_nothing_for_equal_answers_and_symmetric():
    one, two = torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(3), 0.0]])
    p, q = (0.5, 0.5), (0.75, 0.25)
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)) / 2
    assert divergence(one, two, Task.single_label).item() == pytest.approx(by_hand, rel=1e-5)
    assert divergence(two, one, Task.single_label).item() == pytest.approx(by_hand, rel=1e-5)
    assert divergence(two, two, Task.single_label).item() == 0
    sigmoid = divergence(torch.tensor([[0.0]]), torch.tensor([[math.log(3)]]), Task.multi_label)
    assert sigmoid.item() == pytest.approx(by_hand, rel=1e-5), "one output is a distribution over yes and no"


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


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["trainer.label_set_loss=0.5", "labels=four"], r"trainer\.label_set_loss=0\.5"),
        (["trainer.label_set_loss=0.5", "task=multi_label"], r"trainer\.label_set_loss=0\.5"),
        (["task=multi_label", "labels=four"], "task=multi_label"),
        (["trainer.r_drop=1", "trainer.token_masking=0"], r"trainer\.r_drop=1"),
        (["trainer.layer_decay=0"], r"trainer\.layer_decay=0"),
        (["trainer.focal_gamma=-1"], r"trainer\.focal_gamma=-1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(overrides, named):
    with pytest.raises(UsageError, match=named):
        typed(compose(CONFIGS, "train", TrainSettings, overrides), TrainSettings)
