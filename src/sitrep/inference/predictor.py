"""A loaded checkpoint that labels sentences."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sitrep.decisions import at_temperature, classes_that_apply, decide, label_of, probabilities_of, thresholds_at
from sitrep.errors import UserError
from sitrep.inference.batching import whole_articles
from sitrep.inference.checkpoint_encoder import load_encoder
from sitrep.inference.engine import Engine, load_engine
from sitrep.inference.model_batches import ModelBatches
from sitrep.inference.read_passages import ReadPassages
from sitrep.inference.reading_ahead import ahead
from sitrep.inference.speaker_probabilities import Said, SpeakerProbabilities
from sitrep.inference.stored_answers import check_answers
from sitrep.labels import Task, Taxonomy
from sitrep.model.checkpoint import DEFAULT_THRESHOLD, Checkpoint, open_checkpoint
from sitrep.model.encoding import InputEncoder
from sitrep.model.familiarity import Familiarity
from sitrep.model.surroundings import reading_of
from sitrep.model.validation_fit import ValidationFit
from sitrep.pages.html import Page, looks_like_html, read_html
from sitrep.pages.legibility import oddities
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import UNFAMILIAR_VOCABULARY, LabelledSentence, Passage, Prediction, probability_of
from sitrep.settings import EngineName, Precision
from sitrep.settings.rules import member

WINDOW = 8192
"""Sentences of a stream that are sorted by length together; bounds the memory of a long job."""


class Predictor(ModelBatches):
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
        super().__init__(engine, encoder, len(taxonomy.class_names(task)), batch_tokens)
        self.taxonomy = taxonomy
        self.task = task
        self.temperature = (fit.temperature if fit else None) or 1.0
        self.acceptance_thresholds = fit.acceptance_thresholds if fit else {}
        self.thresholds = dict.fromkeys(self.class_names, DEFAULT_THRESHOLD) | dict(thresholds or {})
        self._choice_temperature = 1.0  # of the probabilities that thresholds were chosen on, against those given
        self.familiarity = familiarity
        self.odd_sentences: Counter[str] = Counter()

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | Path | Checkpoint,
        *,
        calibrated: bool = True,
        engine: str | EngineName = EngineName.auto,
        precision: str | Precision = Precision.auto,
        batch_tokens: int | None = None,
        speaker: bool = False,
    ) -> "Predictor":
        """Load a checkpoint; that of an ensemble answers with the mean of its members' probabilities.

        Args:
            checkpoint: A run folder, the ``checkpoint`` folder inside it, or one that was opened already.
            calibrated: Use the temperature and the acceptance thresholds that were fitted on validation; else as
                :meth:`uncalibrated`.
            engine: ``auto``, ``torch``, ``onnx`` or ``reference``.
            precision: ``auto``, ``fp32``, ``bf16`` or ``int8``.
            batch_tokens: Tokens a batch, padding included; ``None``: what suits the device.
            speaker: Say who speaks too, in the same pass of the model.

        Raises:
            UserError: If there is no checkpoint, it cannot be loaded, or what it needs is not installed; if an exported
                model answers otherwise on this processor than where it was made; if it has not learnt who speaks and
                is to say that.
            UsageError: If there is no such engine or precision.
        """
        engine, precision = member(EngineName, "engine", engine), member(Precision, "precision", precision)
        opened = checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(str(checkpoint))
        encoder = load_encoder(opened)
        loaded = load_engine(opened, precision, engine, speaker)
        check_answers(opened, loaded, encoder)
        predictor = cls(
            engine=loaded,
            encoder=encoder,
            taxonomy=opened.taxonomy,
            task=opened.task,
            fit=opened.validation,
            thresholds=opened.thresholds,
            batch_tokens=batch_tokens,
            familiarity=opened.familiarity,
        )
        return predictor if calibrated else predictor.uncalibrated()

    def uncalibrated(self) -> "Predictor":
        """The same model and the same labels, with the probabilities of a plain pipeline and without decisions.

        The thresholds of classes move with the probabilities. An exclusive class is still held against the others on
        the scale that they were chosen on: how far two classes lie above theirs compares otherwise on another one.
        """
        moved = thresholds_at(self.thresholds, 1 / self.temperature)
        plain = Predictor(
            self.engine, self.encoder, self.taxonomy, self.task, None, moved, self.batch_tokens, self.familiarity
        )
        plain._choice_temperature = self.temperature * self._choice_temperature
        return plain

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
        return self.probabilities(self._logits(rows, len(texts), self._memory()))

    def probabilities_of_units(self, units: Sequence[LabelledSentence | Passage]) -> np.ndarray:
        """As :meth:`predict_proba`, of units that are read as :meth:`predict` reads them, within their articles.

        Returns:
            Shape (units, classes).
        """
        reading = reading_of(units)
        _, _, rows = self._tokenize(reading.texts, reading.articles, reading.units)
        return self.probabilities(self._logits(rows, len(units), self._memory()))

    def predict_speaker(
        self, texts: Sequence[str], articles: Sequence[Sequence[int]] | None = None
    ) -> SpeakerProbabilities:
        """Whether each text holds speech, and who speaks; arguments as in :meth:`predict_proba`.

        Raises:
            UserError: If the predictor was loaded without ``speaker=True``; else as :meth:`predict_proba`.
        """
        if not self.says_speakers:
            raise UserError("speaker: this predictor was loaded without it; use from_checkpoint(…, speaker=True)")
        _, _, rows = self._tokenize(texts, articles)
        logits = self._logits(rows, len(texts), self._memory())
        return SpeakerProbabilities.of(logits)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Of the classes.

        Args:
            logits: As of :meth:`batch_logits`.

        Returns:
            Shape (sentences, classes).
        """
        return probabilities_of(logits[:, : len(self.class_names)], self.task, self.temperature)

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
        far as they stand in one window; a window ends between articles where it can. One that was drawn out of its
        page is read among the lines that it carries (:mod:`sitrep.model.surroundings`). A sentence that cannot be read,
        or whose article cannot as far as it stands in the window, is never accepted, whatever its probability. The
        same holds for an article whose words are unlike those of training (:mod:`sitrep.model.familiarity`).
        """
        known = self._memory()
        for read in ahead(lambda stopped: self._read_windows(passages, stopped)):
            yield from self.predictions(read, self._logits(read.rows, len(read.window), known))

    def read(self, window: list[Passage]) -> ReadPassages:
        """Passages as the model wants them, all that happens before it."""
        reading = reading_of(window)
        tokens, truncated, rows = self._tokenize(reading.texts, reading.articles, reading.units)
        texts = reading.of_units()
        odd = oddities(window)
        new = self._of_new_words(tokens, reading.pages)[texts]
        reasons = [oddity or (UNFAMILIAR_VOCABULARY if far else None) for oddity, far in zip(odd, new, strict=True)]
        return ReadPassages(window, rows, truncated[texts].tolist(), odd, reasons)

    def predictions(self, read: ReadPassages, logits: np.ndarray, speaker: bool = True) -> Iterator[Prediction]:
        """What is said of passages, all that happens behind the model.

        Args:
            read: What :meth:`read` gave.
            logits: As of :meth:`batch_logits`, of the passages.
            speaker: Say who speaks too, if the predictor was loaded for that.
        """
        names, probabilities = self.class_names, self.probabilities(logits)
        chosen, sets = self.choose(probabilities)
        speakers: list[Said] = (
            SpeakerProbabilities.of(logits).said() if speaker and self.says_speakers else [()] * len(logits)
        )
        for passage, label, several, row, cut, oddity, reason, said in zip(
            read.window, chosen, sets, probabilities.tolist(), read.truncated, read.odd, read.reasons, speakers,
            strict=True,
        ):  # fmt: skip
            by_class = dict(zip(names, row, strict=True))
            if oddity:
                self.odd_sentences[oddity] += 1
            decision = None
            if self.acceptance_thresholds:
                thresholds = {} if reason else self.acceptance_thresholds
                decision = decide(label, probability_of(label, by_class), thresholds)
            yield Prediction(passage, label, by_class, cut, several, decision, reason, *said)

    def _read_windows(self, passages: Iterable[Passage], stopped: Callable[[], bool]) -> Iterator[ReadPassages]:
        """A stream in windows, until nobody wants more."""
        wanted = itertools.takewhile(lambda _: not stopped(), passages)
        return map(self.read, whole_articles(wanted, WINDOW))

    def _of_new_words(self, tokens: Sequence[list[int]], pages: Sequence[str]) -> np.ndarray:
        """Whether the page of each text has words unlike those of training, as far as it is read; shape (texts,)."""
        if self.familiarity is None:
            return np.zeros(len(tokens), dtype=bool)
        return np.array(self.familiarity.unfamiliar(tokens, pages, self.encoder.tokenizer), dtype=bool)

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
        if thresholds is None:
            thresholds, scale = self.thresholds, self._choice_temperature
            if scale != 1:
                thresholds, probabilities = thresholds_at(thresholds, scale), at_temperature(probabilities, scale)
        applies = classes_that_apply(probabilities, thresholds, self.taxonomy)
        names = [tuple(name for name, holds in zip(self.class_names, row, strict=True) if holds) for row in applies]
        return label_of(applies, self.taxonomy), names
