"""A trained model trained on with a few labels of other pages: a small step that changes little of what it knows."""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import chain, repeat
from typing import Any

from sitrep.labels import Task, Taxonomy
from sitrep.model.encoding import InputEncoder
from sitrep.model.hardware import PrecisionChoice
from sitrep.sentences import LabelledSentence
from sitrep.settings import Precision
from sitrep.training.distillation import wanted_probabilities

EPOCHS = 4
BATCH = 32
WARMUP = 0.1
"""Share of the steps in which the learning rate rises, before it falls to zero."""
LARGEST_GRADIENT = 1.0
WEIGHT_DECAY = 0.01


def train_on(
    classifier: Any,
    encoder: InputEncoder,
    sentences: Sequence[LabelledSentence],
    taxonomy: Taxonomy,
    task: Task,
    learning_rate: float,
    precision: PrecisionChoice,
    seed: int,
) -> None:
    """Train a classifier on with labelled sentences, in place.

    Four epochs at a low learning rate, without dropout, without the data of before, and with the table of words left as
    it is, which takes a third of the time and gains nothing from a few hundred sentences. Mixing that in again, more
    epochs, higher rates, dropout, soft labels and a new head on frozen vectors were measured and gained nothing
    (`docs/labelling.md`).

    Args:
        classifier: A :class:`sitrep.model.classifier.SentenceClassifier` in fp32, on its device.
        encoder: Of its inputs.
        sentences: To learn from.
        taxonomy: Of their labels.
        task: One label a sentence, or every class that applies.
        learning_rate: The highest.
        precision: Of the arithmetic; the weights stay in fp32.
        seed: Of the order of batches.
    """
    import torch

    from sitrep.training.cpu_steps import plain_attention
    from sitrep.training.examples import Collator, Examples, RowBatches, model_inputs
    from sitrep.training.losses import sentence_losses

    device = next(classifier.parameters()).device
    examples = Examples(sentences, encoder, taxonomy, wanted_probabilities(sentences, taxonomy, task, 0.0))
    batches, collate = RowBatches(examples, BATCH, 0.0, seed), Collator(encoder)
    learning = [weights for name, weights in classifier.named_parameters() if not _is_word_table(name)]
    optimizer = torch.optim.AdamW(learning, lr=learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    steps = EPOCHS * len(batches)
    rising = max(1, round(WARMUP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, (steps - step) / max(1, steps - rising), 1.0)
    )
    casts = precision.precision is Precision.bf16
    classifier.eval()  # no dropout
    with plain_attention(classifier, device.type):
        for numbers in chain.from_iterable(repeat(batches, EPOCHS)):
            batch = {name: tensor.to(device) for name, tensor in collate([examples[n] for n in numbers]).items()}
            with torch.autocast(device.type, torch.bfloat16) if casts else nullcontext():
                logits = classifier(**model_inputs(batch))["logits"]
            answered = batch["labels"] >= 0
            loss = sentence_losses(logits[answered], batch["targets"][answered], task).mean()
            classifier.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()


def _is_word_table(name: str) -> bool:
    """Whether a parameter is one of the embeddings of words and places."""
    return ".embeddings." in name or ".embed_tokens." in name


def weights_of(classifier: Any) -> dict[str, Any]:
    """A copy of its weights, which training does not change."""
    return {name: value.detach().clone() for name, value in classifier.state_dict().items()}


def put_between(classifier: Any, start: dict[str, Any], end: dict[str, Any], share: float) -> None:
    """Give a classifier the weights on the line between two sets of them, in place.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.

    Args:
        classifier: Whose weights are set.
        start: Weights, as of :func:`weights_of`.
        end: Of the same shape.
        share: Of the way, from 0 (start) to 1 (end).
    """
    import torch

    classifier.load_state_dict(
        {
            name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
            for name, value in end.items()
        }
    )
