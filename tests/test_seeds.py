import json
import statistics

import pytest
import torch
from conftest import TAXONOMY, train_settings
from safetensors.torch import load_file

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError
from sitrep.evaluation.run import evaluate
from sitrep.metrics.scores import score
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import EvaluateSettings
from sitrep.training.run import train
from sitrep.training.seeds import SeedRun, mean_weights, median_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(toy_file, tmp_path_factory):
    output = tmp_path_factory.mktemp("seeds") / "run"
    recipe = ["trainer.learning_rate=0.005", "trainer.epochs=4", "trainer.batch_size=8"]
    return train(train_settings(toy_file, output, "seeds=[3,1,2]", *recipe))


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def weights(folder):
    return load_file(folder / "checkpoint" / "model.safetensors")


def test_runs_lie_side_by_side_and_the_report_tells_mean_and_spread(run):
    compared = metrics(run)["training"]["seeds"]
    assert [item["seed"] for item in compared["runs"]] == [3, 1, 2]
    single = [metrics(run / "seeds" / str(seed)) for seed in (3, 1, 2)]
    figures = [item["macro_f1"] for item in single]
    assert [item["macro_f1"] for item in compared["runs"]] == figures
    assert compared["mean"] == pytest.approx(sum(figures) / 3)
    assert compared["standard_deviation"] == pytest.approx(statistics.stdev(figures))
    page = (run / "report.html").read_text()
    assert "<h2>Seeds</h2>" in page
    assert "standard deviation" in page


def test_what_is_kept_was_chosen_on_validation_and_is_what_the_report_is_about(run):
    compared = metrics(run)["training"]["seeds"]
    on_validation = {str(item["seed"]): item["validation_macro_f1"] for item in compared["runs"]}
    median = statistics.median(on_validation.values())
    if compared["kept"] == "soup":
        assert compared["soup_validation_macro_f1"] > median
        wanted = metrics(run)["training"]["validation_macro_f1"]
        assert wanted == compared["soup_validation_macro_f1"]
    else:
        assert compared["soup_validation_macro_f1"] <= median
        assert on_validation[compared["kept"]] == median
        kept = run / "seeds" / compared["kept"]
        assert all(torch.equal(a, b) for a, b in zip(weights(run).values(), weights(kept).values(), strict=True))
        assert metrics(run)["macro_f1"] == metrics(kept)["macro_f1"]


def test_kept_checkpoint_and_each_run_can_be_evaluated_without_a_setting(run, tmp_path):
    for folder in (run, run / "seeds" / "1"):
        output = tmp_path / folder.name
        result = evaluate(
            compose_settings("evaluate", EvaluateSettings, [f"checkpoint={folder}", f"output_dir={output}"])
        )
        assert metrics(result)["macro_f1"] == pytest.approx(metrics(folder)["macro_f1"])


def test_averaged_weights_are_the_mean(run):
    folders = [run / "seeds" / str(seed) / "checkpoint" for seed in (1, 2, 3)]
    each = [load_file(folder / "model.safetensors") for folder in folders]
    for name, mean in mean_weights(folders).items():
        assert torch.allclose(mean, sum(item[name] for item in each) / 3, atol=1e-6)
    assert not torch.equal(each[0]["classifier.weight"], each[1]["classifier.weight"])


@pytest.mark.parametrize(("validation", "seed"), [([0.7, 0.9, 0.8], 12), ([0.9, 0.6, 0.7, 0.8], 12), ([0.5, 0.5], 10)])
def test_median_is_the_middle_on_validation_and_the_lower_of_two(validation, seed):
    runs = [SeedRun(10 + number, None, value, None, {}) for number, value in enumerate(validation)]
    assert median_run(runs).seed == seed


@pytest.mark.parametrize("seeds", ["[1]", "[1,2,1]", "[1,-2]"])
def test_seeds_that_say_nothing_are_refused(toy_file, tmp_path, seeds):
    with pytest.raises(UsageError, match=r"^seeds="):
        train_settings(toy_file, tmp_path / "run", f"seeds={seeds}")


def test_partial_run_leaves_nothing(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "run", "seeds=[1,2]")
    settings.trainer.extra = {"no_such_argument": 1}
    with pytest.raises(UsageError):
        train(settings)
    assert list(tmp_path.iterdir()) == []


def test_record_of_the_kept_checkpoint_fits_its_place(run):
    opened = open_checkpoint(str(run))
    assert opened.record is not None
    single = open_checkpoint(str(run / "seeds" / "1")).record
    assert single is not None
    assert opened.record.base != single.base


def test_seeds_with_several_classes_are_judged_by_the_same_labels_as_their_mean(toy_file, tmp_path):
    recipe = ["trainer.learning_rate=0.005", "trainer.epochs=3", "trainer.batch_size=8", "task=multi_label"]
    several = train(train_settings(toy_file, tmp_path / "run", "seeds=[1,2]", *recipe))
    for item in metrics(several)["training"]["seeds"]["runs"]:
        fit = open_checkpoint(str(several / "seeds" / str(item["seed"]))).validation
        true, predicted = ([fit.labels[number] for number in numbers] for numbers in (fit.true, fit.predicted))
        assert item["validation_macro_f1"] == score(true, predicted, TAXONOMY).macro_f1
