"""Labelling of Arrow tables as a plain function."""

import re
import subprocess

import pyarrow
import pytest
import yaml
from conftest import PHRASES, PROJECT, write_jsonl
from pyarrow import parquet

from sitrep import Predictor, __version__
from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.inference.batches import label_batch
from sitrep.inference.run import predict
from sitrep.settings import PredictSettings

TEXTS = [phrase for phrases in PHRASES.values() for phrase in phrases]


@pytest.fixture(scope="module")
def predictor(run_directory):
    return Predictor.from_checkpoint(run_directory, precision="fp32")


def sentences():
    return [
        {"id": f"s{n}", "article_id": f"a{n // 5}", "position": n % 5, "text": text, "year": 2000 + n, "label": "mine"}
        for n, text in enumerate(TEXTS)
    ]


def articles():
    return [{"id": f"p{n}", "text": "\n".join(TEXTS[n : n + 4]), "region": None} for n in range(6)]


@pytest.mark.parametrize(("unit", "rows"), [("sentence", sentences()), ("article", articles())])
@pytest.mark.parametrize("kind", ["table", "batch"])
def test_columns_types_and_values_are_those_of_a_parquet_file(run_directory, predictor, tmp_path, unit, rows, kind):
    table = pyarrow.Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "in.parquet")
    given = [f"checkpoint={run_directory}", "inference.precision=fp32", f"unit={unit}"]
    given += [f"input={tmp_path / 'in.parquet'}", f"output={tmp_path / 'out.parquet'}"]
    predict(compose_settings("predict", PredictSettings, given))
    written = parquet.read_table(tmp_path / "out.parquet")
    labelled = label_batch(table if kind == "table" else table.to_batches()[0], predictor, unit=unit)
    assert labelled.equals(written, check_metadata=True)
    assert labelled.num_rows >= len(TEXTS)


def test_batches_have_the_columns_of_a_schema_that_is_given(predictor):
    rows = sentences()
    first = label_batch(pyarrow.Table.from_pylist(rows[:5]), predictor)
    others = pyarrow.Table.from_pylist([row | {"new": 1} for row in rows[5:10]])
    labelled = label_batch(others, predictor, schema=first.schema)
    assert labelled.column_names == [*first.column_names, "extra"]
    assert labelled.column("extra").to_pylist() == ['{"new": 1}'] * 5
    none = label_batch(others.slice(0, 0), predictor, schema=first.schema)
    assert none.equals(first.schema.empty_table())


def test_row_that_cannot_be_read_is_told_with_its_number(predictor):
    rows = sentences()[:4]
    rows[2]["text"] = " "
    with pytest.raises(UserError, match="batch:row 3: the text is empty"):
        label_batch(pyarrow.Table.from_pylist(rows), predictor)
    told = []
    labelled = label_batch(pyarrow.Table.from_pylist(rows), predictor, refuse=told.append)
    assert labelled.column("id").to_pylist() == ["s0", "s1", "s3"]
    assert len(told) == 1


def test_unknown_unit_is_told_by_name(predictor):
    with pytest.raises(UsageError, match="unit=page: use one of sentence, article"):
        label_batch(pyarrow.table({"text": ["a"]}), predictor, unit="page")


def examples():
    """Python examples of the page by their heading."""
    page = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^### `?(\w+)`?\n(?:(?!^#).)*?```python\n(.*?)```", page, re.M | re.S))


@pytest.mark.slow
def test_example_of_datasets_runs_as_printed(run_directory, predictor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [row | {"region": "north"} for row in articles()]
    write_jsonl(tmp_path / "pages.jsonl", rows)
    (tmp_path / "outputs" / "train").mkdir(parents=True)
    (tmp_path / "outputs" / "train" / "latest").symlink_to(run_directory)
    exec(compile(examples()["datasets"], "docs/cluster.md", "exec"), {})
    labelled = parquet.read_table(tmp_path / "labels.parquet").to_pylist()
    wanted = label_batch(pyarrow.Table.from_pylist(rows), predictor, unit="article").to_pylist()
    plain = [(row["id"], row["label"], row["region"]) for row in wanted]
    assert [(row["id"], row["label"], row["region"]) for row in labelled] == plain


def test_example_of_spark_is_python():
    compile(examples()["Spark"], "docs/cluster.md", "exec")


def blocks(language):
    page = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def test_cluster_files_are_yaml_of_their_kind():
    launcher, job = map(yaml.safe_load, blocks("yaml"))
    assert f"/sitrep-{__version__}-py3-none-any.whl[ray,train]" in launcher["setup_commands"][0]
    assert launcher["head_node_type"] in launcher["available_node_types"]
    assert job["kind"] == "RayJob"
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 8
    settings = [word for word in job["spec"]["entrypoint"].split() if "=" in word]
    assert compose_settings("predict", PredictSettings, settings).ray.workers == 64


def test_slurm_script_is_a_script_of_bash(tmp_path):
    [script] = blocks("bash")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
