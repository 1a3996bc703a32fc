"""From a model's outputs to what is said of a sentence: probabilities, classes that apply, the label, what to check."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from sitrep.labels import Task, Taxonomy
from sitrep.speakers import NAMES, SPEECH


def probabilities_of(logits: np.ndarray, task: Task, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of the outputs, in float64.

    Args:
        logits: Shape (sentences, outputs).
        task: With one label the softmax over the outputs, with many the sigmoid of each.
        temperature: That logits are divided by.
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    if task is Task.multi_label:
        falling = np.exp(-np.abs(scaled))  # never overflows
        return np.asarray(np.where(scaled >= 0, 1, falling) / (1 + falling))
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of classes that may apply together, their log odds divided by a temperature."""
    given = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):  # 0 and 1 stay what they are
        return probabilities_of(np.log(given) - np.log1p(-given), Task.multi_label, temperature)


def thresholds_at(thresholds: Mapping[str, float], temperature: float) -> dict[str, float]:
    """The thresholds of classes that go with :func:`at_temperature`."""
    moved = at_temperature(np.array(list(thresholds.values())), temperature)
    return dict(zip(thresholds, moved.tolist(), strict=True))


def pool_logits(logits: np.ndarray, task: Task) -> np.ndarray:
    """One set of logits whose probabilities are the mean of those of several models.

    Args:
        logits: Shape (models, sentences, outputs).
        task: As in :func:`probabilities_of`.

    Returns:
        Shape (sentences, outputs), float32: with one label the logarithm of the mean, with many its log odds. Neither
        overflows, nor loses what lies near 0 or 1. Not finite where those of a model are not.
    """
    each = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        if task is Task.multi_label:  # the number of models cancels out
            applies, does_not = (np.logaddexp.reduce(-np.logaddexp(0, x), axis=0) for x in (-each, each))
            return np.asarray(applies - does_not, dtype=np.float32)
        logarithms = each - np.logaddexp.reduce(each, axis=-1, keepdims=True)
        return np.asarray(np.logaddexp.reduce(logarithms, axis=0) - np.log(len(each)), dtype=np.float32)


def speaker_heads(logits: np.ndarray) -> list[np.ndarray]:
    """Logits of :data:`sitrep.speakers.NAMES`, which lie one behind the other on the last axis, each by itself."""
    return np.split(logits, [len(SPEECH)], axis=-1)


def who_speaks(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of how somebody speaks and of who does, which never contradict each other.

    Both heads say how likely it is that nobody speaks; the mean of the two counts. What is left is shared out as each
    head shares it among its other answers.

    Args:
        logits: Shape (sentences, answers): those of each of :data:`sitrep.speakers.NAMES`, one behind the other.

    Returns:
        Of ``speech`` and of ``speaker``, each of shape (sentences, answers); that of nobody is the same in both.
    """
    heads = speaker_heads(logits)
    nobody = np.mean([probabilities_of(head, Task.single_label)[:, :1] for head in heads], axis=0)
    rest = [probabilities_of(head[:, 1:], Task.single_label) for head in heads]
    speech, speaker = (np.concatenate([nobody, (1 - nobody) * shares], axis=1) for shares in rest)
    return speech, speaker


def who_speaks_likeliest(probabilities: np.ndarray, question: str) -> list[str]:
    """The answer to one of :data:`sitrep.speakers.NAMES`: nobody if that is likelier than not, else the likeliest.

    Args:
        probabilities: As :func:`who_speaks` gives them.
        question: Which.
    """
    others = probabilities[:, 1:].argmax(axis=1) + 1
    chosen = np.where(probabilities[:, 0] > 1 / 2, 0, others)
    return [NAMES[question][place] for place in chosen]


def classes_that_apply(probabilities: np.ndarray, thresholds: Mapping[str, float], taxonomy: Taxonomy) -> np.ndarray:
    """Which classes apply to each sentence.

    An exclusive class stays alone: where it reaches its threshold beside another class, whichever is further above its
    own threshold stays.

    Args:
        probabilities: Shape (sentences, classes), in the order of the taxonomy.
        thresholds: Least probability with which each class applies.
        taxonomy: Says which classes are exclusive.

    Returns:
        Booleans of the same shape.
    """
    margin = probabilities - np.array([thresholds[name] for name in taxonomy.classes])
    applies: np.ndarray = margin >= 0
    for name in taxonomy.exclusive:
        place = taxonomy.classes.index(name)
        others = np.delete(margin, place, axis=1).max(axis=1)
        alone = applies[:, place] & (margin[:, place] >= others)
        applies[alone] = False
        applies[:, place] = alone
    return applies


def label_of(applies: np.ndarray, taxonomy: Taxonomy) -> list[str]:
    """The one label that each sentence is filed under.

    Args:
        applies: Shape (sentences, classes), as :func:`classes_that_apply` gives it.
        taxonomy: Says which class goes before which; it has a negative label.
    """
    assert taxonomy.negative is not None
    order = [(taxonomy.classes.index(name), name) for name in taxonomy.filing_order]
    return [next((name for index, name in order if row[index]), taxonomy.negative) for row in applies]


def decide(label: str, probability: float, thresholds: Mapping[str, float | None]) -> Literal["accept", "review"]:
    """Whether a prediction stands as it is or goes to an analyst.

    Args:
        label: The predicted label.
        probability: That the model gives it.
        thresholds: Least probability of acceptance by label; one that is missing or ``None`` is never accepted.
    """
    least = thresholds.get(label)
    return "accept" if least is not None and probability >= least else "review"
