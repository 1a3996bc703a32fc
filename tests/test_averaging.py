from types import SimpleNamespace

import pytest
import torch

from sitrep.config import WeightAveraging
from sitrep.training.averaging import EMA_DECAY, AveragedWeights


def steps(kind, values, epochs=1):
    """A model of one weight that takes these values; what validation sees after each epoch, and what training goes
    on with."""
    model = torch.nn.Linear(1, 1, bias=False)
    watcher = AveragedWeights(kind)
    seen, back = [], []
    per_epoch = len(values) // epochs
    for number, value in enumerate(values, 1):
        state = SimpleNamespace(global_step=number, max_steps=len(values))
        if (number - 1) % per_epoch == 0:
            watcher.on_epoch_begin(None, state, None, model=model)
            back.append(model.weight.item())
        with torch.no_grad():
            model.weight.fill_(value)
        watcher.on_step_end(None, state, None, model=model)
        if number % per_epoch == 0:
            watcher.on_epoch_end(None, state, None, model=model)
            seen.append(model.weight.item())
    return seen, back


def test_running_mean_forgets_older_weights():
    seen, _ = steps(WeightAveraging.ema, [1.0, 2.0, 4.0])
    mean = EMA_DECAY * 1 + (1 - EMA_DECAY) * 2
    assert seen == pytest.approx([EMA_DECAY * mean + (1 - EMA_DECAY) * 4])


def test_plain_mean_is_over_the_last_third():
    seen, _ = steps(WeightAveraging.swa, [9.0, 9.0, 9.0, 9.0, 1.0, 3.0])
    assert seen == [2.0]


def test_training_goes_on_from_its_own_weights():
    seen, back = steps(WeightAveraging.ema, [1.0, 5.0, 6.0, 7.0], epochs=2)
    assert seen[0] != 5.0
    assert back[1] == 5.0
