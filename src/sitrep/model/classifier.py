"""Classifiers of ``transformers`` that answer every sentence of a row."""

from typing import Any

import torch

from sitrep.errors import UserError
from sitrep.model.encoder_parts import HEADS, last, pooled
from sitrep.model.packed_training import PackedTraining
from sitrep.model.speaker_heads import SpeakerHeads
from sitrep.model.windows import added_mask, seen_tokens
from sitrep.settings import Context


class SentenceClassifier(torch.nn.Module):  # type: ignore[misc]
    """A classifier of ``transformers``, which answers one sentence a row.

    Args:
        model: Such as ``BertForSequenceClassification``.
    """

    context = Context.none
    """What it reads a sentence with."""

    window_tokens = 0
    """Of a window of a page, where it reads such."""

    accepts_loss_kwargs = True  # the trainer counts the sentences of a step: the loss is divided by them

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.packed: PackedTraining | None = None
        """Computes batches in the model's place while it is trained, where it is of a kind that can be."""
        self.speakers: SpeakerHeads | None = None
        """Say who speaks, where they were learnt."""

    @property
    def base_model(self) -> Any:
        """The encoder without its head."""
        return self.model.base_model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        starts: torch.Tensor,
        owners: torch.Tensor,
        without_head: bool = False,
        with_speakers: bool = False,
    ) -> dict[str, torch.Tensor]:
        """Answer the sentences of a batch of rows.

        Args:
            input_ids: This and the next three as in :class:`sitrep.model.encoding.Batch`.
            attention_mask: See there.
            starts: See there.
            owners: See there.
            without_head: Give what stands for each sentence before the head.
            with_speakers: Give what ``speakers`` answer too.

        Returns:
            ``logits`` of shape (rows, sentences, outputs), or ``vectors`` of shape (rows, sentences, size); with
            speakers also ``speech`` and ``speaker`` of the shape of ``logits``.
        """
        if without_head:
            return {"vectors": self.vectors(input_ids, attention_mask, starts, owners)}
        heads: dict[str, Any] = {}
        if with_speakers:
            assert self.speakers is not None
            heads |= self.speakers.items()
        if self.packed is not None:
            found = self.packed(input_ids, starts, owners)
            return {name: found.answers(head) for name, head in {"logits": last(self.model), **heads}.items()}
        if not heads:
            return {"logits": self.answers(input_ids, attention_mask, starts, owners)}
        logits, pooled = self.answers_and_pooled(input_ids, attention_mask, starts, owners)
        return {"logits": logits, **{name: head(pooled) for name, head in heads.items()}}

    def answers(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """Logits of shape (rows, sentences, outputs); arguments as in :meth:`forward`."""
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits[:, None]
        return logits

    def answers_and_pooled(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As :meth:`answers`, and what the head's last layer reads, or the first token where that cannot be told."""
        if self.config.model_type in HEADS:
            vectors = self.vectors(input_ids, attention_mask, starts, owners)
            found = pooled(self.model, vectors.flatten(0, 1)).reshape(*vectors.shape[:2], -1)
            return last(self.model)(found), found
        whole = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        return whole.logits[:, None], whole.hidden_states[-1][:, :1]

    def vectors(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """The first token of each row, which stands for its sentence; arguments as in :meth:`forward`."""
        encoded = self.base_model(input_ids=input_ids, attention_mask=attention_mask)
        vectors: torch.Tensor = encoded.last_hidden_state[:, :1]
        return vectors


class WindowClassifier(SentenceClassifier):
    """The same classifier over a window of a page, each sentence of which begins with a begin token of its own.

    What reads what is :func:`sitrep.model.windows.seen_tokens`. A row of one sentence is answered exactly as by the
    model without any of this: a program that knows nothing of windows gets its answers for lone sentences.

    Raises:
        UserError: If the classifier is of a kind whose head cannot be told from its encoder here.
    """

    context = Context.article

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        if model.config.model_type not in HEADS:
            kinds = ", ".join(HEADS)
            raise UserError(f"model.context=article: there for {kinds}, not for {model.config.model_type}; use none")

    def answers(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.answers`."""
        return self.answers_and_pooled(input_ids, attention_mask, starts, owners)[0]

    def vectors(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.vectors`: the begin token of each sentence."""
        mask = added_mask(seen_tokens(owners), self.model.dtype)
        hidden = self.base_model(input_ids=input_ids, attention_mask=mask[:, None]).last_hidden_state
        places = starts.clamp(min=0)[..., None].expand(-1, -1, hidden.shape[-1])
        vectors: torch.Tensor = hidden.gather(1, places)
        return vectors


def wrap_classifier(model: Any, context: Context | None) -> SentenceClassifier:
    """A classifier of ``transformers`` as one that reads rows with ``context``; ``None``: with context if it can."""
    if context is None:
        context = Context.article if model.config.model_type in HEADS else Context.none
    return WindowClassifier(model) if context is Context.article else SentenceClassifier(model)
