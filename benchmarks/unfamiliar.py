"""Scores of how unlike the training data a page is: which of them finds errors, and which finds pages of another kind.

    python benchmarks/unfamiliar.py [parts=FILE,FILE,...] [press=FILE] [others=FILE.jsonl] CHECKPOINT

CHECKPOINT was trained on the shipped corpus alone. `parts` and `press` are those of `benchmarks/real_pages.py`;
`others` holds pages that are plainly something else, one `text` a row (by default the invented ones of the tests).

First table: of what the checkpoint accepts on each part, the most unlike 5 % and 10 % are dropped; how many points of
precision that gains. Dropping at random gains nothing on average. Second table: pages beyond a limit that 1 % of the
validation pages exceed; the last columns are the precision of what is accepted on such pages, and on all others. The
score of a page is the mean over its sentences. The last row is what prediction does, with its own limit.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from accuracy import read_others
from arguments import part_arguments
from real_pages import part_files

from sitrep.cli.commands import one_line_errors
from sitrep.data.loading import load_data
from sitrep.decisions import probabilities_of
from sitrep.errors import UserError
from sitrep.inference.batching import batches_by_length
from sitrep.inference.predictor import Predictor
from sitrep.model.encoding import reading_order
from sitrep.model.familiarity import Familiarity, fit_familiarity
from sitrep.pages.passages import article_passages
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import DataSettings

OTHERS = Path(__file__).resolve().parents[1] / "tests" / "data" / "pages_of_other_kinds.jsonl"
LEAST_SENTENCES = 5
"""Of a page that is judged."""
PROTOTYPES = 256


@dataclass(frozen=True)
class Read:
    """What the model makes of a set of sentences.

    Attributes:
        pages: The page of each.
        texts: The sentences.
        tokens: Of each.
        logits: Shape (sentences, classes).
        vectors: What the head sees of each; shape (sentences, size).
        probabilities: Of the same shape, at the temperature of the checkpoint.
        thresholds: Least probability of acceptance by class; above 1 for never.
        true: Number of the label of each; empty if not labelled.
    """

    pages: np.ndarray
    texts: Sequence[str]
    tokens: list[list[int]]
    logits: np.ndarray
    vectors: np.ndarray
    probabilities: np.ndarray
    thresholds: np.ndarray
    true: np.ndarray

    @cached_property
    def accepted(self) -> np.ndarray:
        """Whether each is accepted."""
        return np.asarray(self.probabilities.max(axis=1) >= self.thresholds[self.probabilities.argmax(axis=1)])

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each label is right."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.true)


Score = Callable[[Read], np.ndarray]


def read(predictor: Predictor, units: Sequence[LabelledSentence | Passage]) -> Read:
    """Run the model once for logits, and once for the vectors."""
    import torch

    tokens, _ = predictor.encoder.tokenize([unit.text for unit in units])
    rows = predictor.encoder.rows(tokens, reading_order(units))
    engine = predictor.engine
    logits = np.empty((len(units), len(predictor.class_names)), dtype=np.float32)
    vectors: np.ndarray | None = None
    for places in batches_by_length([len(row.ids) for row in rows], predictor.batch_tokens):
        chosen = [rows[place] for place in places]
        batch = predictor.encoder.batch(chosen, len(chosen[0].ids))
        answers = [number for row in chosen for number in row.answers]
        logits[answers] = engine.logits(batch)
        arrays = (batch.input_ids, batch.attention_mask, batch.starts, batch.owners)
        with torch.inference_mode():
            on_device = [torch.from_numpy(array).to(engine.device) for array in arrays]
            found = engine.model(*on_device, without_head=True)["vectors"].float().cpu().numpy()  # type: ignore[attr-defined]
        if vectors is None:
            vectors = np.empty((len(units), found.shape[-1]), dtype=np.float32)
        vectors[answers] = found[batch.starts >= 0]
    assert vectors is not None
    names = predictor.class_names
    return Read(
        np.array([unit.article_id for unit in units]),
        [unit.text for unit in units],
        tokens,
        logits,
        vectors,
        probabilities_of(logits, predictor.task, predictor.temperature),
        np.array([predictor.acceptance_thresholds.get(name) or 2.0 for name in names]),
        np.array([names.index(unit.label) for unit in units if isinstance(unit, LabelledSentence)]),
    )


def scores(train: Read, predictor: Predictor, familiarity: Familiarity) -> dict[str, Score]:
    """The candidates; each gives one figure a sentence, higher for what is more unlike the training data."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.covariance import ledoit_wolf

    means = np.array([train.vectors[train.true == place].mean(axis=0) for place in np.unique(train.true)])
    covariance, _ = ledoit_wolf(train.vectors - means[train.true])
    precision = np.linalg.inv(covariance)
    clusters = MiniBatchKMeans(PROTOTYPES, random_state=0, n_init=1).fit(_unit(train.vectors))
    prototypes = _unit(clusters.cluster_centers_)

    def mahalanobis(given: Read) -> np.ndarray:
        apart = given.vectors[:, None] - means
        return np.asarray(np.einsum("scd,de,sce->sc", apart, precision, apart, optimize=True).min(axis=1))

    return {
        "1 - probability": lambda given: 1 - given.probabilities.max(axis=1),
        "energy of the logits": lambda given: -np.log(np.exp(given.logits.astype(float)).sum(axis=1)),
        "Mahalanobis distance, by class": mahalanobis,
        f"nearest of {PROTOTYPES} prototypes": lambda given: 1 - (_unit(given.vectors) @ prototypes.T).max(axis=1),
        "word pieces a word": lambda given: np.array(
            [len(item) / max(1, len(text.split())) for item, text in zip(given.tokens, given.texts, strict=True)]
        ),
        "**words of the page**": lambda given: familiarity.excess(
            given.tokens, given.pages.tolist(), predictor.encoder.tokenizer
        ),
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def gain(part: Read, found: np.ndarray, share: float) -> float:
    """Points of precision gained when this share of what is accepted, the most unlike, is dropped."""
    right, unlike = part.right[part.accepted], found[part.accepted]
    kept = np.argsort(-unlike, kind="stable")[int(np.ceil(share * len(right))) :]
    return float(100 * (right[kept].mean() - right.mean()))


def of_pages(given: Read, found: np.ndarray) -> dict[str, float]:
    """Mean score of each page that has enough sentences."""
    names, places, counts = np.unique(given.pages, return_inverse=True, return_counts=True)
    means = np.bincount(places, found) / counts
    return {str(name): mean for name, mean, count in zip(names, means, counts, strict=True) if count >= LEAST_SENTENCES}


def page_row(sets: dict[str, Read], score: Score, limit: float | None) -> list[str]:
    """Cells of the second table: share of the pages of each set beyond the limit, then the precisions."""
    if limit is None:
        limit = float(np.quantile(list(of_pages(sets["validation"], score(sets["validation"])).values()), 0.99))
    cells, precisions = [], []
    for name, given in sets.items():
        pages = of_pages(given, score(given))
        far = [page for page, mean in pages.items() if mean > limit]
        cells.append(f"{len(far)} of {len(pages)}")
        if name not in ("validation", "test", "others"):
            on = np.isin(given.pages, far)
            inside, outside = given.right[given.accepted & on], given.right[given.accepted & ~on]
            shown = f"{inside.mean():.2f} ({len(inside)})" if len(inside) else "–"
            precisions.append(f"{shown}, {outside.mean():.3f} ({len(outside)})")
    return [*cells, *precisions]


def other_pages(path: Path) -> list[Passage]:
    """Sentences of pages, one page a line of JSON."""
    pages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [passage for page in pages for passage in article_passages(page["text"], page["id"])]


def run() -> None:
    """Print both tables."""
    given, arguments = part_arguments(("parts", "press", "others"))
    if len(arguments) != 1:
        sys.exit("name one checkpoint: python benchmarks/unfamiliar.py CHECKPOINT")
    predictor = Predictor.from_checkpoint(arguments[0])
    split = load_data(DataSettings(), predictor.taxonomy).split
    familiarity = predictor.familiarity or fit_familiarity(predictor.encoder, split.train)
    if familiarity is None or not predictor.acceptance_thresholds:
        raise UserError(f"{arguments[0]}: has no thresholds of acceptance")
    parts = {name: read(predictor, units) for name, units in read_others(",".join(map(str, part_files(given)))).items()}
    others = read(predictor, other_pages(Path(given.get("others", OTHERS))))
    ours = {"validation": read(predictor, split.validation), "test": read(predictor, split.test), "others": others}
    candidates = scores(read(predictor, split.train), predictor, familiarity)
    print("| accepted on | " + " | ".join(f"{name}, 5 % | 10 %" for name in parts) + " |")
    print("|" + "---|" * (1 + 2 * len(parts)))
    accepted = [f"{part.right[part.accepted].mean():.3f} ({part.accepted.sum()}) | " for part in parts.values()]
    print(f"| precision (accepted) | {'| '.join(accepted)}|")
    for name, score in candidates.items():
        gains = [f"{gain(part, score(part), share):+.1f}" for part in parts.values() for share in (0.05, 0.1)]
        print(f"| {name} | {' | '.join(gains)} |", flush=True)
    print(
        "\n| pages beyond the limit | " + " | ".join([*ours, *parts, *(f"precision: {name}" for name in parts)]) + " |"
    )
    print("|" + "---|" * (1 + 3 + 2 * len(parts)))
    for name, score in candidates.items():
        print(f"| {name} | {' | '.join(page_row(ours | parts, score, None))} |", flush=True)
    last = list(candidates)[-1]
    print(f"| {last}, as in prediction | {' | '.join(page_row(ours | parts, candidates[last], familiarity.limit))} |")


if __name__ == "__main__":
    with one_line_errors("unfamiliar.py"):
        run()
