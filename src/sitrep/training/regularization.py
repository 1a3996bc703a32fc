"""What makes a model carry over to pages unlike its training data: hidden tokens, and weights that stay near home."""

from typing import Any

from sitrep.errors import UsageError


def hide_tokens(model: Any, tokenizer: Any, share: float) -> None:
    """In training, replace tokens at random by the mask token, so that no single word decides.

    Prediction and validation see every token. The same for each epoch is never hidden twice: the choice is
    made anew for each batch, by torch's seeded generator.

    Args:
        model: Its forward is changed in place, while it is in training mode.
        tokenizer: The mask token is taken from it, else the one for unknown words; special tokens stay.
        share: Of the tokens, from 0 to 1.

    Raises:
        UsageError: If the tokenizer has neither.
    """
    import torch

    hidden = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    if hidden is None:
        raise UsageError(f"trainer.token_masking={share}: the tokenizer has neither a mask nor an unknown token; use 0")
    special = torch.tensor(tokenizer.all_special_ids)

    def hide(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        if not module.training:
            return None
        ids = kwargs["input_ids"]
        chosen = (torch.rand(ids.shape, device=ids.device) < share) & ~torch.isin(ids, special.to(ids.device))
        return args, kwargs | {"input_ids": ids.masked_fill(chosen, hidden)}

    model.register_forward_pre_hook(hide, with_kwargs=True)


class PretrainedWeights:
    """The encoder's weights as they were before training, to be mixed into the trained ones.

    Weights on the line between the pretrained and the fine-tuned ones do nearly as well on data like the training
    data and better elsewhere: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022. The
    classification layer, which began at random, stays as it was trained.

    Args:
        model: Before training; its encoder is copied.
    """

    def __init__(self, model: Any) -> None:
        self.weights = {name: weight.detach().clone() for name, weight in model.base_model.state_dict().items()}

    def mix_into(self, model: Any, share: float) -> None:
        """Move the trained encoder by ``share`` (0 to 1) of the way back, in place."""
        import torch

        with torch.no_grad():
            for name, weight in model.base_model.state_dict().items():
                if weight.is_floating_point():
                    weight.lerp_(self.weights[name].to(weight.device), share)
