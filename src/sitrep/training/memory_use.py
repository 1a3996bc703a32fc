"""What training does with less memory, and how much it took."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sitrep.errors import UserError
from sitrep.settings import TrainSettings


@contextmanager
def training_memory(model: Any, settings: TrainSettings) -> Iterator[None]:
    """While it is open, layers are computed again on the way back where the settings ask for that.

    Raises:
        UserError: If the backbone cannot do that.
    """
    if not settings.trainer.activation_checkpointing:
        yield
        return
    inner = model.model
    enable = getattr(inner, "activation_checkpointing_enable", None) or inner.gradient_checkpointing_enable
    disable = getattr(inner, "activation_checkpointing_disable", None) or inner.gradient_checkpointing_disable
    try:
        enable({"use_reentrant": False})
    except ValueError:
        name = settings.model.name
        raise UserError(f"trainer.activation_checkpointing=true: {name} cannot compute its layers again") from None
    try:
        yield
    finally:
        disable()
