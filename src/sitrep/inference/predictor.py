"""A loaded checkpoint that labels sentences."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sitrep.decisions import classes_that_apply, decide, label_of, probabilities_of
from sitrep.errors import UsageError, UserError
from sitrep.inference.batching import batches_by_length, whole_articles
from sitrep.inference.engine import Engine, load_engine
from sitrep.inference.known_answers import KnownAnswers, key_of
from sitrep.inference.reading_ahead import ahead
from sitrep.inference.stage_clock import MODEL, TOKENIZING, StageClock
from sitrep.labels import Task, Taxonomy
from sitrep.model.checkpoint import DEFAULT_THRESHOLD, Checkpoint, open_checkpoint
from sitrep.model.encoding import EncodedRow, InputEncoder, reading_order
from sitrep.model.familiarity import Familiarity
from sitrep.model.tokenizer import TOKENIZER, TextTokenizer
from sitrep.model.validation_fit import ValidationFit
from sitrep.pages.html import Page, looks_like_html, read_html
from sitrep.pages.legibility import oddities
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import UNFAMILIAR_VOCABULARY, Passage, Prediction, probability_of
from sitrep.settings import Context, Precision

BATCH_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}
"""Tokens a batch at which throughput no longer grows, by kind of device (`benchmarks/prediction.py`)."""

WIDTH_STEP = 8
"""Batches are padded to a multiple of this: the CPU's kernels are compiled and kept for each shape, so that few shapes
save time, and memory that would grow with the first hundreds of thousands of rows (`benchmarks/memory.py`)."""

WINDOW = 8192
"""Sentences of a stream that are sorted by length together; bounds the memory of a long job."""


@dataclass(frozen=True)
class ReadPassages:
    """Passages that are ready for the model: what is known of each before.

    Attributes:
        window: The passages.
        rows: That answer them.
        truncated: Whether the end of each was cut off.
        odd: Why each cannot be read; ``None`` where it can.
        reasons: Why each is unlike what the model was trained on; ``None`` where it is not.
    """

    window: list[Passage]
    rows: list[EncodedRow]
    truncated: list[bool]
    odd: list[str | None]
    reasons: list[str | None]


class Predictor:
    r"""A model with its tokenizer and labels, ready to label any number of sentences.

    Examples:
        >>> from sitrep import Predictor
        >>> predictor = Predictor.from_checkpoint(CHECKPOINT)
        >>> predictor.class_names
        ('attack_description', 'official_statement', 'casualty_report', 'boilerplate', 'none')
        >>> predictor.label(["four were killed", "share this page"])
        ['casualty_report', 'boilerplate']
        >>> predictor.predict_proba(["four were killed", "share this page"]).shape
        (2, 5)
        >>> page = "gunmen stormed the post. no one was hurt.\nshare this page"
        >>> [(page[p.passage.start : p.passage.end], p.label) for p in predictor.label_page(page)][-1]
        ('share this page', 'boilerplate')

    Args:
        engine: Runs the model.
        encoder: Makes its inputs.
        taxonomy: Of its labels.
        task: One label a sentence, or every class that applies.
        fit: What was fitted on validation: the temperature that logits are divided by, and the thresholds of what is
            accepted unread. ``None``: probabilities are those of a plain pipeline of ``transformers``, and nothing is
            said of what to check.
        thresholds: Least probability of each class that applies; missing ones are a half.
        batch_tokens: Tokens a batch, padding included; ``None``: what suits the device.
        familiarity: What words the training data knows; ``None``: no page is held against it.

    Attributes:
        odd_sentences: How many sentences :meth:`predict` gave that it cannot read, by kind of oddity; it only adds to
            them, so that whoever reads them may clear them.
        clock: Time spent tokenizing and in the model.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: InputEncoder,
        taxonomy: Taxonomy,
        task: Task,
        fit: ValidationFit | None = None,
        thresholds: Mapping[str, float] | None = None,
        batch_tokens: int | None = None,
        familiarity: Familiarity | None = None,
    ) -> None:
        self.engine = engine
        self.encoder = encoder
        self.taxonomy = taxonomy
        self.task = task
        self.temperature = (fit.temperature if fit else None) or 1.0
        self.acceptance_thresholds = fit.acceptance_thresholds if fit else {}
        self.thresholds = dict.fromkeys(self.class_names, DEFAULT_THRESHOLD) | dict(thresholds or {})
        self.familiarity = familiarity
        self.odd_sentences: Counter[str] = Counter()
        self.clock = StageClock()
        self.batch_tokens = batch_tokens or BATCH_TOKENS[engine.device]

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | Path | Checkpoint,
        *,
        calibrated: bool = True,
        precision: str | Precision = Precision.auto,
        batch_tokens: int | None = None,
    ) -> "Predictor":
        """Load a checkpoint; that of an ensemble answers with the mean of its members' probabilities.

        Args:
            checkpoint: A run folder, the ``checkpoint`` folder inside it, or one that was opened already.
            calibrated: Use the temperature and the acceptance thresholds that were fitted on validation.
            precision: ``auto``, ``fp32`` or ``bf16``.
            batch_tokens: Tokens a batch, padding included; ``None``: what suits the device.

        Raises:
            UserError: If there is no checkpoint, or it cannot be loaded.
            UsageError: If the precision is none that there is.
        """
        if isinstance(precision, str):
            if precision not in Precision.__members__:
                raise UsageError(f"precision={precision}: use one of {', '.join(Precision.__members__)}")
            precision = Precision[precision]
        opened = checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(str(checkpoint))
        return cls(
            engine=load_engine(opened, precision),
            encoder=InputEncoder(load_tokenizer(opened), opened.context, opened.max_tokens, opened.window_tokens),
            taxonomy=opened.taxonomy,
            task=opened.task,
            fit=opened.validation if calibrated else None,
            thresholds=opened.thresholds,
            batch_tokens=batch_tokens,
            familiarity=opened.familiarity,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`predict_proba`."""
        return self.taxonomy.class_names(self.task)

    def predict_proba(self, texts: Sequence[str], articles: Sequence[Sequence[int]] | None = None) -> np.ndarray:
        """Probabilities of every class for each text; what batch a text falls into does not matter to it.

        Args:
            texts: Sentences.
            articles: Numbers of the sentences of each article in reading order, together all of them; ``None``: each
                text stands alone.

        Returns:
            Shape (texts, classes), float64; rows sum to one, unless classes may apply together.

        Raises:
            UserError: If the model gives figures that are not finite, or a batch does not fit into memory.
        """
        _, _, rows = self._tokenize(texts, articles)
        return self._probabilities(rows, len(texts), self._memory())

    def label(self, texts: Sequence[str]) -> list[str]:
        """The label of each text, each read alone."""
        return self.choose(self.predict_proba(texts))[0]

    def label_page(self, page: str | bytes | Page, article_id: str = "page") -> list[Prediction]:
        """Cut a page into sentences and stand-alone lines and label each.

        Args:
            page: Plain text, or HTML as it was saved, or a page that :func:`sitrep.read_html` read, whose ``text``
                offsets then are of. Text is HTML if it begins as that does; bytes always are.
            article_id: What the ids of the sentences begin with.

        Returns:
            In the order of the page; ``page[p.passage.start:p.passage.end]`` is the sentence of prediction ``p``,
            where the page is plain text, and of HTML ``read_html(page).text[…]``.

        Raises:
            UserError: If the page is HTML that shows no text, or bytes of anything else.
        """
        if isinstance(page, bytes) or (isinstance(page, str) and looks_like_html(page)):
            page = read_html(page)
        passages = article_passages(page, article_id) if isinstance(page, str) else page_passages(page, article_id)
        return list(self.predict(passages))

    def predict(self, passages: Iterable[Passage]) -> Iterator[Prediction]:
        """Label a stream of passages, in its order, one window in memory at a time.

        Where the model reads context, the passages of an article are read together, in the order of ``position``, as
        far as they stand in one window; a window ends between articles where it can. A sentence that cannot be read,
        or whose article cannot as far as it stands in the window, is never accepted, whatever its probability. The
        same holds for an article whose words are unlike those of training (:mod:`sitrep.model.familiarity`).
        """
        known = self._memory()
        for read in ahead(lambda stopped: self._read_windows(passages, stopped)):
            yield from self.predictions(read, self._probabilities(read.rows, len(read.window), known))

    def read(self, window: list[Passage]) -> ReadPassages:
        """Passages as the model wants them, all that happens before it."""
        order = None if self.encoder.context is Context.none else reading_order(window)
        tokens, truncated, rows = self._tokenize([passage.read_as or passage.text for passage in window], order)
        odd = oddities(window)
        return ReadPassages(window, rows, truncated.tolist(), odd, self._reasons(window, tokens, odd))

    def predictions(self, read: ReadPassages, probabilities: np.ndarray) -> Iterator[Prediction]:
        """What is said of passages, all that happens behind the model.

        Args:
            read: What :meth:`read` gave.
            probabilities: Shape (passages, classes).
        """
        names = self.class_names
        chosen, sets = self.choose(probabilities)
        for passage, label, several, row, cut, oddity, reason in zip(
            read.window, chosen, sets, probabilities.tolist(), read.truncated, read.odd, read.reasons, strict=True
        ):
            by_class = dict(zip(names, row, strict=True))
            if oddity:
                self.odd_sentences[oddity] += 1
            decision = None
            if self.acceptance_thresholds:
                thresholds = {} if reason else self.acceptance_thresholds
                decision = decide(label, probability_of(label, by_class), thresholds)
            yield Prediction(passage, label, by_class, cut, several, decision, reason)

    def batch_logits(self, rows: Sequence[EncodedRow]) -> np.ndarray:
        """The model's answer to one batch.

        Returns:
            Shape (sentences, classes), as :meth:`sitrep.inference.engine.Engine.logits` gives them.
        """
        return self.engine.logits(self.encoder.batch(rows, self._width(max(len(row.ids) for row in rows))))

    def _read_windows(self, passages: Iterable[Passage], stopped: Callable[[], bool]) -> Iterator[ReadPassages]:
        """A stream in windows, until nobody wants more."""
        wanted = itertools.takewhile(lambda _: not stopped(), passages)
        return map(self.read, whole_articles(wanted, WINDOW))

    def _reasons(
        self, window: Sequence[Passage], tokens: Sequence[list[int]], odd: Sequence[str | None]
    ) -> list[str | None]:
        """Why each sentence is unlike training: its oddity, else that of its article's words."""
        if self.familiarity is None:
            return list(odd)
        ids = [passage.article_id for passage in window]
        far = self.familiarity.unfamiliar(tokens, ids, self.encoder.tokenizer)
        return [oddity or (UNFAMILIAR_VOCABULARY if new else None) for oddity, new in zip(odd, far, strict=True)]

    def choose(
        self, probabilities: np.ndarray, thresholds: Mapping[str, float] | None = None
    ) -> tuple[list[str], Sequence[tuple[str, ...] | None]]:
        """The one label of each text, and every class that applies where the model says that.

        Args:
            probabilities: As :meth:`predict_proba` gives them.
            thresholds: Least probability of each class that applies; by default the predictor's own.
        """
        if self.task is Task.single_label:
            return [self.class_names[index] for index in probabilities.argmax(axis=1)], [None] * len(probabilities)
        applies = classes_that_apply(probabilities, thresholds or self.thresholds, self.taxonomy)
        names = [tuple(name for name, holds in zip(self.class_names, row, strict=True) if holds) for row in applies]
        return label_of(applies, self.taxonomy), names

    def _tokenize(
        self, texts: Sequence[str], articles: Sequence[Sequence[int]] | None
    ) -> tuple[list[list[int]], np.ndarray, list[EncodedRow]]:
        """The tokens of each text, whether its end was cut off, and the rows that answer them."""
        alone = [[number] for number in range(len(texts))] if articles is None else articles
        with self.clock.measure(TOKENIZING):
            tokens, truncated = self.encoder.tokenize(texts)
            return tokens, truncated, self.encoder.rows(tokens, alone)

    def _memory(self) -> KnownAnswers | None:
        """For what is answered together; with context the same sentence may be answered otherwise elsewhere."""
        return KnownAnswers() if self.encoder.context is Context.none else None

    def _probabilities(self, rows: Sequence[EncodedRow], count: int, known: KnownAnswers | None) -> np.ndarray:
        """Of the sentences that the rows answer, each different one computed once where ``known`` is given."""
        logits = np.empty((count, len(self.class_names)), dtype=np.float32)
        if known is None:
            self._compute(rows, logits)
        else:
            first: dict[bytes, EncodedRow] = {}
            repeated: list[tuple[int, int]] = []
            for row in rows:
                key, [number] = key_of(row.ids), row.answers
                if (found := known.get(key)) is not None:
                    logits[number] = found
                elif (same := first.setdefault(key, row)) is not row:
                    repeated.append((number, same.answers[0]))
            self._compute(list(first.values()), logits)
            for number, same_number in repeated:
                logits[number] = logits[same_number]
            for key, row in first.items():
                known.add(key, logits[row.answers[0]])
        if not np.isfinite(logits).all():
            raise UserError("the model gives no finite figures; its training diverged")
        return probabilities_of(logits, self.task, self.temperature)

    def _compute(self, rows: Sequence[EncodedRow], logits: np.ndarray) -> None:
        """Run the model on rows and put what it says of each sentence into its place."""
        lengths = [len(row.ids) for row in rows]
        for places in batches_by_length(lengths, self.batch_tokens):
            chosen = [rows[place] for place in places]
            answers = [number for row in chosen for number in row.answers]
            with self.clock.measure(MODEL):
                logits[answers] = self.batch_logits(chosen)

    def _width(self, longest: int) -> int:
        """Tokens of every row of a batch."""
        stepped = -(-longest // WIDTH_STEP) * WIDTH_STEP
        return min(stepped, self.encoder.max_tokens) if self.encoder.context is Context.none else stepped


def load_tokenizer(checkpoint: Checkpoint) -> TextTokenizer:
    """The tokenizer of a checkpoint.

    Raises:
        UserError: If it cannot be loaded.
    """
    if checkpoint.record is not None and (checkpoint.folder / TOKENIZER).is_file():
        return TextTokenizer.from_folder(checkpoint.folder)
    # A folder that another program made: its own settings may change what the file says.
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
    except Exception as error:  # what is wrong with a foreign folder decides the type
        raise UserError(f"{checkpoint.folder}: cannot be loaded: {type(error).__name__}: {error}") from None
    if tokenizer.pad_token is None:
        raise UserError(f"{checkpoint.folder}: the tokenizer has no padding token")
    return TextTokenizer.from_transformers(tokenizer)
