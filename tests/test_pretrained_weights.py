import torch
from transformers import BertConfig, BertForSequenceClassification

from sitrep.training.pretrained_weights import PretrainedWeights


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
