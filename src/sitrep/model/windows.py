"""What a token of a window of a page may read."""

import torch


def seen_tokens(owners: torch.Tensor) -> torch.Tensor:
    """Which token reads which, in rows that hold several sentences.

    The begin token of a sentence reads its own sentence and is read by it alone; all others read the whole window. So
    each sentence is answered from its own tokens, which know of their context.

    Args:
        owners: As in :class:`sitrep.model.encoding.Batch`.

    Returns:
        Boolean, shape (rows, tokens, tokens): reading token, read token. Nothing but padding reads padding.
    """
    begins = torch.ones_like(owners, dtype=torch.bool)
    begins[:, 1:] = owners[:, 1:] != owners[:, :-1]
    same = owners[:, :, None] == owners[:, None, :]
    real = owners >= 0
    return same | (real[:, :, None] & real[:, None, :] & ~(begins[:, :, None] | begins[:, None, :]))


def added_mask(seen: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """What is added to the likeness of tokens, so that those that are not ``seen`` are not read; of its shape."""
    return torch.zeros(seen.shape, dtype=kind, device=seen.device).masked_fill_(~seen, torch.finfo(kind).min)
