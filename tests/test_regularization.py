import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from sitrep.errors import UsageError
from sitrep.training.regularization import PretrainedWeights, hide_tokens


class Recorder(torch.nn.Module):
    """Gives back the tokens that reach it."""

    def forward(self, input_ids):
        return input_ids


class Tokenizer:
    mask_token_id: int | None = 4
    unk_token_id: int | None = 1
    all_special_ids = (0, 1, 2, 3, 4)


@pytest.fixture
def ids():
    return torch.cat([torch.full((200, 1), 2), torch.arange(5, 105).repeat(200, 1), torch.full((200, 1), 3)], dim=1)


def test_tokens_are_hidden_in_training_only_and_special_ones_never(ids):
    torch.manual_seed(0)
    model = Recorder()
    hide_tokens(model, Tokenizer(), 0.2)
    seen = model.train()(input_ids=ids)
    assert (seen[:, [0, -1]] == ids[:, [0, -1]]).all()
    assert ((seen == ids) | (seen == Tokenizer.mask_token_id)).all()
    assert (seen == Tokenizer.mask_token_id).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (model.train()(input_ids=ids) != seen).any(), "chosen anew for each batch"
    assert (model.eval()(input_ids=ids) == ids).all()


def test_tokenizer_without_mask_token_hides_behind_the_unknown_one(ids):
    tokenizer = Tokenizer()
    tokenizer.mask_token_id = None
    model = Recorder().train()
    hide_tokens(model, tokenizer, 0.5)
    assert (model(input_ids=ids) == tokenizer.unk_token_id).any()
    tokenizer.unk_token_id = None
    with pytest.raises(UsageError, match=r"trainer\.token_masking=0\.5"):
        hide_tokens(model, tokenizer, 0.5)


def test_pretrained_share_moves_the_encoder_back_by_that_much_and_leaves_the_classifier():
    model = BertForSequenceClassification(
        BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    )
    before = PretrainedWeights(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    trained = {name: weight.clone() for name, weight in model.state_dict().items()}
    before.mix_into(model, 0.25)
    for name, weight in model.state_dict().items():
        back = 0.25 if name.startswith("bert.") else 0.0
        assert torch.allclose(weight, trained[name] - back, atol=1e-6), name
