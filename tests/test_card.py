from dataclasses import replace

import pytest
from conftest import TAXONOMY, WITHOUT_NONE, bare_checkpoint, results_of
from huggingface_hub import ModelCard

from sitrep.data.split import describe_set
from sitrep.evaluation.results import passages_of
from sitrep.metrics.intervals import Interval
from sitrep.model.baselines import Baseline
from sitrep.report.card import CardContent, model_card
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.settings import Context

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels


def content(true, predicted, taxonomy=TAXONOMY, model="packaged:minilm", context=Context.none):
    labels = taxonomy.labels
    units = [LabelledSentence(f"t{n}", label, () if label == NONE else (label,), f"i{n}", "a", n)
             for n, label in enumerate(true)]  # fmt: skip
    described = describe_set(units, labels)
    data = {
        "train": described, "test": described, "left_out": 0, "seen_in_training": 0,
        "sources": [{"source": "sitrep:corpus", "units": 9, "sha256": "0"},
                    {"source": "/home/somebody/secret/mine.jsonl", "units": 9, "sha256": "0"}],
    }  # fmt: skip
    predictions = [
        Prediction(passage, label, {name: float(name == label) for name in labels})
        for passage, label in zip(passages_of(units), predicted, strict=True)
    ]
    results = results_of(units, predictions, taxonomy, data, [Baseline("majority", "Majority", predicted)])
    results = replace(results, notes=["Mind the gap."])
    environment = {
        "sitrep": "0.1.0", "time_utc": "2031-02-03T04:05:06+00:00", "command": "python x=/home/somebody",
        "python": "3.11", "packages": {"torch": "2", "datasets": None}, "system": "Linux x86_64", "device": "cpu",
        "precision": "bf16",
    }  # fmt: skip
    settings = {"model": {"name": model}, "trainer": {"epochs": 3.0}, "seed": 1, "output_dir": "/home/somebody/run"}
    made = replace(bare_checkpoint(taxonomy), context=context)
    return CardContent(results.metrics(), made, settings, environment, results.analysis.intervals)


def bounded(intervals):
    """Intervals that are known, where all units are of one article."""
    attack = replace(intervals.per_class[ATTACK], f1=Interval(0.5, 0.75))
    return replace(
        intervals, macro_f1=Interval(0.8, 0.97), per_class=intervals.per_class | {ATTACK: attack}, missing=""
    )


@pytest.fixture
def ordinary():
    return content(
        [ATTACK, ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE], [ATTACK, NONE, STATEMENT, TOLL, BOILERPLATE, NONE]
    )


def test_header_is_read_by_the_hubs_own_parser_and_gives_the_same_figures(ordinary):
    made = replace(ordinary, intervals=bounded(ordinary.intervals), license="apache-2.0")
    data = ModelCard(model_card(made)).data
    assert (data.language, data.license, data.library_name) == ("en", "apache-2.0", "transformers")
    assert data.pipeline_tag == "text-classification"
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    figures = {result.metric_name: result.metric_value for result in data.eval_results}
    metrics = ordinary.metrics
    assert figures.pop("macro-F1 over the four classes") == metrics["macro_f1"]
    assert figures.pop("accuracy") == metrics["accuracy"]
    for label, scores in metrics["per_class"].items():
        assert figures.pop(f"F1 of {label}") == scores["f1"]
        for kind in ("precision", "recall"):
            assert figures.pop(f"{kind} of {label}") == scores[kind]
    assert figures == {}
    assert data.eval_results[0].metric_args == {"interval_95": [0.8, 0.97]}
    assert {result.dataset_split for result in data.eval_results} == {"test"}


def test_tables_show_figures_intervals_and_baselines(ordinary):
    text = model_card(replace(ordinary, intervals=bounded(ordinary.intervals)))
    assert "| macro-F1 over the four classes | 0.917 | 0.800 to 0.970 |" in text  # (2/3 + 1 + 1 + 1) / 4
    assert "| `attack_description` | 1.000 | 0.500 | 0.667 | 0.500 to 0.750 | 2 |" in text
    assert "| baseline `majority`: macro-F1 | 0.917 | |" in text
    assert "- Mind the gap." in text
    assert "| train | 6 | 1 | 2 | 1 | 1 | 1 | 1 |" in text


def test_tables_are_whole(ordinary):
    rows = [line for line in model_card(ordinary).splitlines() if line.startswith("|")]
    text = model_card(ordinary)
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1
        assert not lines or set(lines[1]) <= set("|-")
    assert len(rows) == 7 + 5 + 7 + 4


def test_undefined_figures_are_a_dash_and_no_metadata():
    text = model_card(content([NONE, NONE], [NONE, NONE]))
    assert "| macro-F1 over the four classes | – |" in text
    assert "| `casualty_report` | – | – | – | – | 0 |" in text
    names = {result.metric_name for result in ModelCard(text).data.eval_results}
    assert names == {"accuracy", "F1 of none", "precision of none", "recall of none"}


def test_folders_and_command_of_the_machine_are_not_told(ordinary):
    text = model_card(ordinary)
    assert "somebody" not in text
    assert "`sitrep:corpus`, `mine.jsonl`" in text
    assert "somebody" not in model_card(content([ATTACK], [ATTACK], model="/home/somebody/encoder"))


@pytest.mark.parametrize(
    ("name", "base"),
    [("answerdotai/ModernBERT-base", "answerdotai/ModernBERT-base"), ("random:tiny", None), ("/models/encoder", None)],
)
def test_base_model_is_a_name_of_the_hub_or_left_out(name, base):
    data = ModelCard(model_card(content([ATTACK], [ATTACK], model=name))).data
    assert data.base_model == base
    assert data.license is None
    assert "license" not in data.to_dict()


def test_card_says_how_the_checkpoint_can_be_loaded(ordinary):
    assert 'pipeline("text-classification"' in model_card(ordinary)
    assert "(`model.context=article`)" in model_card(content([ATTACK], [ATTACK], context=Context.article))


def test_model_of_four_labels_says_that_it_has_no_none():
    text = model_card(content([ATTACK, TOLL], [ATTACK, TOLL], taxonomy=WITHOUT_NONE))
    assert "trained without the label `none`" in text
    assert "| `none` |" not in text
