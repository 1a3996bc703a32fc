import json

import pytest
import torch

from sitrep.errors import UsageError
from sitrep.model import hardware
from sitrep.model.hardware import choose_precision, cpu_flags, cpu_name, measured_gain
from sitrep.settings import Precision

CPU = torch.device("cpu")


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Let the machine seem to have a processor of this name and these flags."""

    def call(name, flags, key="flags"):
        info = tmp_path / "cpuinfo"
        info.write_text(f"processor\t: 0\nmodel name\t: {name}\n{key}\t\t: fpu sse {flags}\n")
        monkeypatch.setattr(hardware, "CPU_INFO", info)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return call


def with_gain(monkeypatch, *gains):
    left = list(gains)
    monkeypatch.setattr(hardware, "_measure", lambda sizes: left.pop(0))


def test_name_and_flags_are_read_as_linux_lists_them(processor):
    processor("AMD EPYC", "avx512f avx512_bf16")
    assert cpu_name() == "AMD EPYC"
    assert "avx512_bf16" in cpu_flags()
    processor("Neoverse", "asimd bf16", key="Features")
    assert "bf16" in cpu_flags()


@pytest.mark.parametrize(("flags", "key"), [("amx_bf16", "flags"), ("avx512_bf16", "flags"), ("bf16", "Features")])
def test_processor_that_multiplies_in_bf16_takes_it_where_it_measures_faster(processor, monkeypatch, flags, key):
    processor("fast", flags, key)
    with_gain(monkeypatch, 1.8)
    choice = choose_precision(Precision.auto, CPU, "trainer.precision")
    assert choice.precision is Precision.bf16
    assert choice.reason == f"the processor has {flags}, and bf16 measured 1.8 times as fast as fp32"


def test_processor_whose_bf16_is_no_faster_stays_in_fp32_and_says_why(processor, monkeypatch):
    processor("slow", "avx512_bf16")
    with_gain(monkeypatch, 0.4)
    choice = choose_precision(Precision.auto, CPU, "trainer.precision")
    assert (choice.precision, "measured 0.4 times" in choice.reason) == (Precision.fp32, True)


def test_processor_without_bf16_is_not_measured(processor, monkeypatch):
    processor("old", "avx2")
    with_gain(monkeypatch)  # a measurement would fail
    choice = choose_precision(Precision.auto, CPU, "trainer.precision")
    assert (choice.precision, choice.reason) == (Precision.fp32, "the processor has no instructions for bf16")


@pytest.mark.parametrize("wanted", [Precision.fp32, Precision.bf16])
def test_precision_that_is_asked_for_is_taken_on_any_processor(processor, monkeypatch, wanted):
    processor("old", "avx2")
    with_gain(monkeypatch)
    assert choose_precision(wanted, CPU, "inference.precision").precision is wanted
    assert choose_precision(wanted, CPU, "inference.precision").reason == f"inference.precision={wanted.name}"


def test_bf16_of_a_gpu_that_lacks_it_is_refused_with_the_setting(monkeypatch):
    monkeypatch.setattr(hardware, "_gpu_has_bf16", lambda: False)
    with pytest.raises(UsageError, match=r"trainer\.precision=bf16: this GPU does not compute in bf16"):
        choose_precision(Precision.bf16, torch.device("cuda"), "trainer.precision")
    assert choose_precision(Precision.auto, torch.device("cuda"), "x").precision is Precision.fp32


def test_measurement_is_kept_until_the_processor_changes(processor, monkeypatch, tmp_path):
    processor("one", "avx512_bf16")
    with_gain(monkeypatch, 2.0, 3.0)
    assert measured_gain() == measured_gain() == 2.0
    report = tmp_path / "cache" / "sitrep" / "engine_report.json"
    assert 2.0 in [entry["answer"] for entry in json.loads(report.read_text()).values()]
    processor("two", "avx512_bf16")
    assert measured_gain() == 3.0


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"machine": {}, "gain": 1}'])
def test_damaged_or_foreign_cache_is_measured_again(processor, monkeypatch, tmp_path, content):
    processor("one", "avx512_bf16")
    (tmp_path / "cache" / "sitrep").mkdir(parents=True)
    (tmp_path / "cache" / "sitrep" / "engine_report.json").write_text(content)
    with_gain(monkeypatch, 2.5)
    assert measured_gain() == 2.5


def test_cache_that_cannot_be_written_costs_a_measurement_only(processor, monkeypatch, tmp_path):
    processor("one", "avx512_bf16")
    (tmp_path / "cache").write_text("a file where the folder should be")
    with_gain(monkeypatch, 2.0, 2.1)
    assert (measured_gain(), measured_gain()) == (2.0, 2.1)


def test_measurement_itself_gives_a_ratio(monkeypatch):
    monkeypatch.setattr(hardware, "MEASURED_SECONDS", 0.01)
    assert 0 < hardware._measure((16, 32)) < 1000
