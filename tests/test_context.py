"""A model that reads context, from training to prediction."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from conftest import TAXONOMY, rows, train_settings, write_jsonl
from test_encoding import encoder
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    pipeline,
)

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.evaluation.results import passages_of
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.labels import Task
from sitrep.model.backbone import load_backbone
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.classifier import WindowClassifier, wrap_classifier
from sitrep.model.encoder_parts import HEADS
from sitrep.model.encoding import EncodedRow
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import Context, ModelSettings, Precision, PredictSettings
from sitrep.training.distillation import Teachers
from sitrep.training.examples import Examples
from sitrep.training.run import train

pytestmark = pytest.mark.slow

ORDER = ["a bomb tore open the gate", "nine wounded", "it was the third", "share this page", "the governor urged calm"]


@pytest.fixture(scope="module")
def run(toy_file, tmp_path_factory):
    output = tmp_path_factory.mktemp("context") / "run"
    context = ["model.context=article", "model.max_tokens=64", "model.window_tokens=64"]
    steps = ["trainer.epochs=8", "trainer.batch_size=8", "trainer.learning_rate=0.005"]
    return train(train_settings(toy_file, output, *context, *steps))


@pytest.fixture
def predictor(run):
    return Predictor.from_checkpoint(run, precision="fp32")


def test_answer_changes_with_what_stands_around_the_sentence(predictor):
    page = [list(range(len(ORDER)))]
    with_context = predictor.predict_proba(ORDER, page)
    alone = predictor.predict_proba(ORDER)
    other = predictor.predict_proba([*ORDER[:1], "prices rose in spring", *ORDER[2:]], page)
    assert np.abs(with_context - alone).max() > 1e-4
    assert np.abs(with_context[2] - other[2]).max() > 1e-5


def test_answer_does_not_change_with_other_articles_in_the_batch(predictor):
    others = [f"{row['text']} once more" for row in rows(4)]
    page = list(range(len(ORDER)))
    crowd = [*ORDER, *others]
    articles = [page, list(range(5, 25)), list(range(25, len(crowd)))]
    together = predictor.predict_proba(crowd, articles)[: len(ORDER)]
    assert np.abs(together - predictor.predict_proba(ORDER, [page])).max() < 1e-5


def test_checkpoint_carries_the_choice_and_rows_are_read_by_article_and_position(run, tmp_path):
    checkpoint = open_checkpoint(str(run))
    assert checkpoint.context is not Context.none
    page = [{"article_id": "p", "position": n, "id": str(n), "text": text} for n, text in enumerate(ORDER)]
    lone = {"article_id": "q", "position": 0, "id": "q0", "text": "four were killed"}
    mixed = write_jsonl(tmp_path / "rows.jsonl", [page[3], lone, page[0], page[4], page[2], page[1]])
    output = tmp_path / "out.jsonl"
    overrides = [f"checkpoint={run}", f"input={mixed}", f"output={output}", "inference.precision=fp32"]
    predict(compose_settings("predict", PredictSettings, overrides))
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["id"] for row in found] == ["3", "q0", "0", "4", "2", "1"], "the order of the input is kept"
    wanted = Predictor.from_checkpoint(checkpoint, precision="fp32").predict_proba(ORDER, [list(range(len(ORDER)))])
    for row in found:
        if row["article_id"] == "p":
            assert list(row["probabilities"].values()) == pytest.approx(wanted[row["position"]].tolist(), abs=1e-5)


def test_units_drawn_out_of_pages_are_read_among_their_lines_in_prediction_and_in_what_is_fitted(predictor):
    fields = {"before": ORDER[:2], "after": ORDER[3:]}
    drawn = LabelledSentence(ORDER[2], "none", (), "p-2", "p", 2, fields)
    other = LabelledSentence(ORDER[0], "none", (), "p-9", "p", 9, {"after": ORDER[1:2]})
    wanted = predictor.predict_proba(ORDER, [list(range(len(ORDER)))])[2]
    assert predictor.probabilities_of_units([drawn, other])[0] == pytest.approx(wanted, abs=1e-5)
    passages = passages_of([other, drawn])
    assert [p.passage.id for p in predictor.predict(passages)] == ["p-9", "p-2"]
    assert list(list(predictor.predict(passages))[1].probabilities.values()) == pytest.approx(wanted.tolist(), abs=1e-5)


def test_all_lines_of_a_sentence_get_the_answer_that_it_gets_as_a_whole(predictor):
    whole = ["a bomb tore open", "the gate"]
    rows = [(whole[0], " ".join(whole)), (whole[1], " ".join(whole)), *((text, None) for text in ORDER[1:])]
    passages = [
        Passage(f"p-{n}", "p", n, 0, len(text), text, read_as=read_as) for n, (text, read_as) in enumerate(rows)
    ]
    found = [list(p.probabilities.values()) for p in predictor.predict(passages)]
    wanted = predictor.predict_proba(ORDER, [list(range(len(ORDER)))])
    assert found[0] == found[1]
    assert np.abs(np.array(found[1:]) - wanted).max() < 1e-5


def test_units_drawn_out_of_pages_are_learnt_and_the_lines_around_them_are_not(predictor):
    drawn = [
        LabelledSentence(ORDER[2], "none", (), f"p{n}-2", f"p{n}", 2, {"before": ORDER[:2], "after": ORDER[3:]})
        for n in range(3)
    ]
    examples = Examples(drawn, predictor.encoder, TAXONOMY, np.zeros((3, 5)))
    for epoch in range(5):
        learnt = [examples[index] for index in range(len(examples))]
        assert sorted(number for row, *_ in learnt for number in row.answers) == [0, 1, 2]
        assert all(len(labels) == len(row.answers) for row, labels, *_ in learnt)
        examples.draw(0.5, np.random.default_rng(epoch))


def test_a_teacher_that_reads_pages_reads_each_sentence_that_it_teaches_within_its_page(run, predictor):
    page = [LabelledSentence(text, "none", (), f"p-{place}", "p", place) for place, text in enumerate(ORDER)]
    taught = Teachers.open([str(run)], TAXONOMY, Task.single_label, Precision.fp32).teach(page[::-1])
    wanted = predictor.predict_proba(ORDER, [list(range(len(ORDER)))])
    for sentence in taught:
        assert list(sentence.probabilities.values()) == pytest.approx(wanted[sentence.position].tolist(), abs=1e-5)


def test_plain_pipeline_answers_lone_sentences_and_the_report_says_so(run, predictor):
    (note,) = [n for n in json.loads((run / "metrics.json").read_text())["notes"] if "plain pipeline" in n]
    assert "without its context" in note
    plain = pipeline("text-classification", model=str(run / "checkpoint"), device="cpu", top_k=None)(ORDER)
    for answer, row in zip(plain, predictor.predict_proba(ORDER), strict=True):
        by_label = {item["label"]: item["score"] for item in answer}
        assert [by_label[label] for label in predictor.class_names] == pytest.approx(row.tolist(), abs=1e-5)


def tensors(row):
    batch = encoder(Context.article).batch([row], 8)
    return {item.name: torch.from_numpy(getattr(batch, item.name)) for item in fields(batch)}


def test_first_token_of_a_sentence_is_not_moved_by_the_order_of_pages_around_it():
    """A begin token sees its own sentence only, so words reach it through that sentence's tokens and no other way."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(vocab_size=50, num_labels=5, initializer_range=0.5, **sizes)
    model = WindowClassifier(BertForSequenceClassification(config).eval())
    row = EncodedRow([1, 11, 2, 1, 12, 13, 2], [0, 3], [0, 1], [0, 0, 0, 1, 1, 1, 1])
    changed = replace(row, ids=[1, 11, 2, 1, 12, 14, 2])
    with torch.inference_mode():
        before, after = (model(**tensors(item))["logits"][0] for item in (row, changed))
    assert torch.allclose(before[0], after[0], atol=1e-6), "one layer: the other sentence's words are two steps away"
    assert not torch.allclose(before[1], after[1], atol=1e-4)


SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@pytest.mark.parametrize("kind", HEADS)
def test_a_lone_sentence_is_answered_as_the_library_does_by_every_kind_of_head(kind):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, vocab_size=50, num_labels=5, pad_token_id=0, initializer_range=0.5, **SMALL)
    plain = AutoModelForSequenceClassification.from_config(config).eval()
    row = EncodedRow([1, 11, 12, 2], [0], [0], [0, 0, 0, 0])
    two = EncodedRow([1, 11, 12, 2, 1, 13, 2], [0, 4], [0, 1], [0, 0, 0, 0, 1, 1, 1])
    given = {name: value for name, value in tensors(row).items() if name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        ours = WindowClassifier(plain)(**tensors(row))["logits"][0, 0]
        together = WindowClassifier(plain)(**tensors(two))["logits"][0]
        torch.testing.assert_close(ours, plain(**given).logits[0], atol=1e-5, rtol=1e-4)
    assert together.shape == (2, 5)


def test_architectures_whose_head_is_not_known_are_refused():
    config = AutoConfig.for_model("distilbert", vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=8)
    with pytest.raises(UserError, match="not for distilbert; use none"):
        WindowClassifier(AutoModelForSequenceClassification.from_config(config))


def test_without_a_choice_a_backbone_reads_context_if_it_is_of_a_kind_that_can():
    sizes = {"vocab_size": 20, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
    distilbert = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("distilbert", **sizes))
    bert = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("bert", vocab_size=20, **SMALL))
    assert wrap_classifier(distilbert, None).context is Context.none
    assert wrap_classifier(bert, None).context is Context.article


def test_without_a_choice_windows_are_as_long_as_a_short_backbone_reads(run_directory):
    wanted = ModelSettings(name=str(run_directory / "checkpoint"), max_tokens=64)
    model, _ = load_backbone(wanted, TAXONOMY.class_names(Task.single_label), Task.single_label, [])
    assert (model.context, model.window_tokens) == (Context.article, 128)


def test_window_longer_than_the_backbone_reads_is_refused(toy_file, tmp_path, run_directory):
    settings = train_settings(
        toy_file,
        tmp_path / "run",
        f"model={run_directory / 'checkpoint'}",
        "model.context=article",
        "model.max_tokens=64",
    )
    settings.model.window_tokens = 600
    with pytest.raises(UserError, match=r"model\.window_tokens=600: .* reads at most 128"):
        train(settings)


def test_a_sentence_longer_than_the_window_has_one_of_its_own():
    made = encoder(Context.article, longest=60, window=20).rows([[5] * 4, [6] * 40, [7] * 4], [[0, 1, 2]])
    assert [row.answers for row in made] == [[0], [1], [2]]
    assert len(made[1].ids) == 42
