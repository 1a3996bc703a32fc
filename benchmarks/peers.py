"""What a user would train instead: each method gets the same training and validation units and labels the same texts.

The extra `bench` installs what they need. `benchmarks/accuracy.py`, `learning_curve.py` and `public.py` run them.
"""

import contextlib
import io
import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sitrep.inference.embedding import Embedder
from sitrep.labels import Task, Taxonomy
from sitrep.metrics.scores import score
from sitrep.model.backbone import load_backbone
from sitrep.model.hardware import choose_device, choose_precision
from sitrep.model.packaged import packaged_minilm
from sitrep.sentences import LabelledSentence
from sitrep.settings import ModelSettings, Precision

Units = Sequence[LabelledSentence]
Peer = Callable[[Units, Units, Sequence[str], int], list[str]]
"""From training units, validation units, texts and a seed to a label for each text."""

SETFIT_STEPS = 200
"""Of 16 pairs: 3,200 pairs. All pairs of the corpus would be 37 million."""

SPACY_EPOCHS = 6
SPACY_BATCH = 32


def tfidf(train: Units, validation: Units, texts: Sequence[str], seed: int) -> list[str]:
    """Logistic regression on TF-IDF of words, word pairs and the characters in words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    method = make_pipeline(make_union(words, characters), LogisticRegression(C=10, max_iter=2000))
    method.fit([unit.text for unit in train], [unit.label for unit in train])
    return [str(label) for label in method.predict(list(texts))]


def frozen(train: Units, validation: Units, texts: Sequence[str], seed: int) -> list[str]:
    """Logistic regression on the backbone's sentence embeddings, which stay as they were published."""
    from sklearn.linear_model import LogisticRegression

    embedder = Embedder()
    method = LogisticRegression(C=10, max_iter=5000)
    method.fit(embedder.embed([unit.text for unit in train]), [unit.label for unit in train])
    return [str(label) for label in method.predict(embedder.embed(texts))]


def example(train: Units, validation: Units, texts: Sequence[str], seed: int) -> list[str]:
    """The settings of transformers' example script: 3 epochs at 5e-5, batches of 8, dropout as published.

    Batches are padded to their longest sentence and computed in bf16 where the processor can, which the script does
    not do by itself; it is faster and the result no other.
    """
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.set_seed(seed)
    names = tuple(sorted({unit.label for unit in train}))
    classifier, tokenizer = load_backbone(ModelSettings(dropout=None), names, Task.single_label, ())
    rows = [
        {**tokenizer(unit.text, truncation=True, max_length=128), "labels": names.index(unit.label)} for unit in train
    ]
    device = choose_device()
    fast = choose_precision(Precision.auto, device, "precision").precision is Precision.bf16
    with tempfile.TemporaryDirectory() as scratch:
        arguments = transformers.TrainingArguments(
            scratch,
            seed=seed,
            bf16=fast,
            use_cpu=device.type == "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        collate = transformers.DataCollatorWithPadding(tokenizer)
        trainer = transformers.Trainer(classifier.model, arguments, train_dataset=rows, data_collator=collate)
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.train()
    model = trainer.model.eval().float()
    predicted: list[str] = []
    for start in range(0, len(texts), 64):
        part = list(texts[start : start + 64])
        batch = tokenizer(part, truncation=True, max_length=128, padding=True, return_tensors="pt").to(device)
        with torch.inference_mode():
            predicted += [names[index] for index in model(**batch).logits.argmax(-1).tolist()]
    return predicted


def setfit(train: Units, validation: Units, texts: Sequence[str], seed: int) -> list[str]:
    """SetFit on the same backbone: contrastive pairs, then logistic regression on the embeddings."""
    import torch
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    fast = choose_precision(Precision.auto, choose_device(), "precision").precision is Precision.bf16
    model = SetFitModel.from_pretrained(str(packaged_minilm()), labels=sorted({unit.label for unit in train}))
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        arguments = TrainingArguments(
            scratch,
            seed=seed,
            batch_size=16,
            max_steps=SETFIT_STEPS,
            num_iterations=max(1, -(-SETFIT_STEPS * 16 // (2 * len(train)))),
            report_to="none",
            show_progress_bar=False,
            save_strategy="no",
        )
        data = Dataset.from_dict({"text": [unit.text for unit in train], "label": [unit.label for unit in train]})
        # Without the cache: it holds cast weights until autocast ends, and every step would see those of the first.
        on = fast and not torch.cuda.is_available()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=on, cache_enabled=False):
            Trainer(model, arguments, train_dataset=data).train()
    return [str(label) for label in model.predict(list(texts), show_progress_bar=False)]


def spacy_textcat(train: Units, validation: Units, texts: Sequence[str], seed: int) -> list[str]:
    """The default text categoriser of spaCy on a CPU, six epochs at most, the best one on validation kept."""
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(seed)
    language = spacy.blank("en")
    categoriser: Any = language.add_pipe("textcat")
    taxonomy = taxonomy_of(unit.label for unit in (*train, *validation))
    examples = []
    for unit in train:
        cats = {name: float(name == unit.label) for name in taxonomy.labels}
        examples.append(Example.from_dict(language.make_doc(unit.text), {"cats": cats}))
    for name in taxonomy.labels:
        categoriser.add_label(name)
    optimiser = language.initialize(lambda: examples)
    rng = random.Random(seed)
    best, kept = -1.0, b""
    for _ in range(SPACY_EPOCHS):
        rng.shuffle(examples)
        for batch in minibatch(examples, size=SPACY_BATCH):
            language.update(batch, sgd=optimiser, drop=0.2)
        figure = macro_f1(validation, _best_category(language, [unit.text for unit in validation]), taxonomy)
        if figure > best:
            best, kept = figure, language.to_bytes()
    language.from_bytes(kept)
    return _best_category(language, texts)


def _best_category(language: Any, texts: Sequence[str]) -> list[str]:
    return [max(document.cats, key=document.cats.get) for document in language.pipe(texts)]


def taxonomy_of(labels: Iterable[str]) -> Taxonomy:
    """The labels of some data as a taxonomy; `none` is the negative one if it is among them."""
    names = dict.fromkeys(sorted(set(labels)), "")
    return Taxonomy(names, "none" if "none" in names else None)


def macro_f1(units: Units, predicted: Sequence[str], taxonomy: Taxonomy) -> float:
    """Macro-F1 over the classes of the taxonomy."""
    return score([unit.label for unit in units], predicted, taxonomy).macro_f1 or 0.0


PEERS: dict[str, Peer] = {
    "TF-IDF": tfidf,
    "frozen embeddings": frozen,
    "spaCy textcat": spacy_textcat,
    "SetFit": setfit,
    "transformers example": example,
}
"""By name, cheapest first."""
