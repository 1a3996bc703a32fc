"""What makes the inputs of a checkpoint's model."""

from sitrep.errors import UserError
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import InputEncoder
from sitrep.model.tokenizer import TOKENIZER, TextTokenizer


def load_encoder(checkpoint: Checkpoint) -> InputEncoder:
    """The encoder of a checkpoint.

    Raises:
        UserError: If its tokenizer cannot be loaded.
    """
    return InputEncoder(load_tokenizer(checkpoint), checkpoint.context, checkpoint.max_tokens, checkpoint.window_tokens)


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
