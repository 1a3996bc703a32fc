"""Long predictions in parts: what they leave behind, how they go on, and how they are divided."""

import datetime
import errno
import itertools
import json
import os
import shutil

import pyarrow
import pytest
from conftest import PHRASES, script, write_jsonl
from pyarrow import parquet

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.inference import labelling_job, table_files
from sitrep.inference.inputs import InputSource
from sitrep.inference.job_folder import JobFolder, open_job_folder
from sitrep.inference.job_parts import PartReader, Place
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.predicted_rows import prediction_files, read_predictions
from sitrep.inference.run import predict
from sitrep.settings import PredictSettings

LINES = [phrase.capitalize() + "." for phrases in PHRASES.values() for phrase in phrases]


@pytest.fixture
def run(run_directory, tmp_path):
    def call(source, *overrides, output="job/"):
        fixed = [
            f"checkpoint={run_directory}",
            f"input={source}",
            f"output={tmp_path / output}{'/' if output.endswith('/') else ''}",
            "inference.precision=fp32",
            "parts=jsonl",
            "part_sentences=10",
        ]
        predict(compose_settings("predict", PredictSettings, [*fixed, *overrides]))
        return tmp_path / output

    return call


@pytest.fixture
def pages(tmp_path):
    """Twelve pages of three to five sentences."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(12):
        lines = LINES[number : number + 3 + number % 3]
        (folder / f"{number:02d}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(folder):
    return [row for path in sorted(folder.rglob("part-*.jsonl")) for row in lines_of(path)]


def plain(rows):
    return [(row["id"], row["text"], row["label"]) for row in rows]


def stop_behind(monkeypatch, parts, error=None):
    """End the job when it wants to note the next part in its manifest, with the part itself on the disk."""
    written = JobFolder.write

    def write(self, manifest):
        if len(manifest.parts) > parts:
            raise error or KeyboardInterrupt
        written(self, manifest)

    monkeypatch.setattr(JobFolder, "write", write)


def test_parts_end_between_pages_and_hold_together_what_a_single_file_holds(run, pages):
    folder = run(pages)
    single = lines_of(run(pages, output="out.jsonl"))
    assert plain(rows_of(folder)) == plain(single)
    parts = manifest_of(folder)["parts"]
    assert len(parts) > 3
    for part in parts:
        rows = lines_of(folder / part["file"])
        assert len(rows) >= 10 or part is parts[-1]
        assert (rows[0]["id"], rows[-1]["id"]) == (part["first"], part["last"])
        assert part["counts"]["sentences"] == len(rows) == sum(part["counts"]["labels"].values())
    articles = [{row["article_id"] for row in lines_of(folder / part["file"])} for part in parts]
    assert not any(one & other for one, other in itertools.pairwise(articles))


def test_page_table_counts_the_sentences_of_each_page_by_class(run, pages):
    folder = run(pages)
    counted = lines_of(folder / "pages.jsonl")
    assert [row["article_id"] for row in counted] == [f"{number:02d}" for number in range(12)]
    for row in counted:
        labels = [said["label"] for said in rows_of(folder) if said["article_id"] == row["article_id"]]
        assert row["sentences"] == len(labels)
        assert all(row[label] == labels.count(label) for label in PHRASES)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_job_that_is_cut_off_goes_on_and_ends_with_the_bytes_of_an_undisturbed_one(
    run, pages, monkeypatch, tmp_path, form
):
    (pages / "03.txt").write_bytes(b"")
    (pages / "09.txt").write_bytes(b"\xff")
    with pytest.raises(PartlyRead, match="2 pages or rows were left out"):
        run(pages, f"parts={form}", output="undisturbed/")
    for done in (0, 1, 2):
        with monkeypatch.context() as patched:
            stop_behind(patched, done)
            with pytest.raises(KeyboardInterrupt):
                run(pages, f"parts={form}")
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "job").glob("part-0000[01]*")}
    (tmp_path / "job" / f".part-00002.x.partial.{form}").write_text("half a")
    with pytest.raises(PartlyRead, match="2 pages or rows were left out"):
        run(pages, f"parts={form}")
    assert files_of(tmp_path / "job") == files_of(tmp_path / "undisturbed")
    now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "job").glob("part-0000[01]*")}
    assert now == kept  # no part twice


def test_finished_job_does_nothing_again_and_says_the_same(run, pages, tmp_path, monkeypatch, capsys):
    (pages / "03.txt").write_bytes(b"")
    with pytest.raises(PartlyRead):
        run(pages)
    before = files_of(tmp_path / "job")
    monkeypatch.setattr(labelling_job, "Predictor", None)  # not even a model is loaded
    with pytest.raises(PartlyRead, match="1 page or row was left out"):
        run(pages, output="job")  # the slash is needed for the first time only
    assert files_of(tmp_path / "job") == before
    assert "is complete" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "overrides", "message"),
    [
        ("changed", [], r"its input is not what it was: 03\.txt was changed"),
        ("new", [], r"its input is not what it was: 03b\.txt is new"),
        ("gone", [], r"its input is not what it was: 03\.txt is gone"),
        (None, ["calibrated=false"], "it was begun with calibrated=true, this is calibrated=false"),
        (None, ["part_sentences=11"], "it was begun with part_sentences=10, this is part_sentences=11"),
        (None, ["inference.batch_tokens=64"], "it was begun with inference.batch_tokens=null, this is .*64"),
        ("checkpoint", [], r"it was begun with another checkpoint: its validation\.json differs"),
    ],
)
def test_job_whose_input_settings_or_checkpoint_changed_is_not_gone_on_with(
    run, pages, run_directory, tmp_path, monkeypatch, change, overrides, message
):
    with monkeypatch.context() as patched:
        stop_behind(patched, 1)
        with pytest.raises(KeyboardInterrupt):
            run(pages)
    if change == "changed":
        (pages / "03.txt").write_text("Another text.\n", encoding="utf-8")
    elif change == "new":
        (pages / "03b.txt").write_text("Another text.\n", encoding="utf-8")
    elif change == "gone":
        (pages / "03.txt").unlink()
    elif change == "checkpoint":
        shutil.copytree(run_directory, tmp_path / "other")
        path = tmp_path / "other" / "checkpoint" / "validation.json"
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        record = path.with_name("sitrep.json")
        content = json.loads(record.read_text(encoding="utf-8"))
        content["files"]["validation.json"] = labelling_job.identity.__globals__["recorded_files"](path.parent)[
            path.name
        ]
        record.write_text(json.dumps(content), encoding="utf-8")
        overrides = [f"checkpoint={tmp_path / 'other'}"]
    before = files_of(tmp_path / "job")
    with pytest.raises(UserError, match=f"{message}; name another folder, or overwrite=true begins anew") as caught:
        run(pages, *overrides)
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path / "job") == before
    run(pages, *overrides, "overwrite=true")
    run(pages, *overrides, output="fresh/")
    assert files_of(tmp_path / "job") == files_of(tmp_path / "fresh")


def test_overwrite_goes_on_with_the_same_unfinished_job(run, pages, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_behind(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            run(pages, "overwrite=true")
    kept = (tmp_path / "job" / "part-00001.jsonl").stat().st_mtime_ns
    run(pages, "overwrite=true")
    assert (tmp_path / "job" / "part-00001.jsonl").stat().st_mtime_ns == kept
    assert manifest_of(tmp_path / "job")["complete"]


def test_input_that_changes_while_the_job_runs_is_told_at_its_end(run, pages, monkeypatch, tmp_path):
    written = JobFolder.write

    def write(self, manifest):
        written(self, manifest)
        (pages / "11.txt").write_text("Another text.\n", encoding="utf-8")

    monkeypatch.setattr(JobFolder, "write", write)
    with pytest.raises(UserError, match=r"its input was changed while the job ran: 11\.txt was changed"):
        run(pages)
    assert not manifest_of(tmp_path / "job")["complete"]


def test_output_folder_that_is_removed_meanwhile_is_told_in_one_line_and_not_made_again(run, pages, monkeypatch):
    done = labelling_job.open_part

    def open_part(path, first, types):
        if path.name == "part-00001.jsonl":
            shutil.rmtree(path.parent)
        return done(path, first, types)

    monkeypatch.setattr(labelling_job, "open_part", open_part)
    with pytest.raises(UserError, match=r"job: the folder was removed or replaced while the job ran"):
        run(pages)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_full_disk_is_told_in_one_line_and_the_job_goes_on_when_there_is_room(run, pages, monkeypatch, tmp_path, form):
    run(pages, f"parts={form}", output="undisturbed/")
    synced = os.fsync
    calls = []

    def fsync(handle):
        calls.append(handle)
        if len(calls) == 9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(UserError, match="could not be written: the disk is full"):
            run(pages, f"parts={form}")
    assert not list((tmp_path / "job").glob(".*"))
    run(pages, f"parts={form}")
    assert files_of(tmp_path / "job") == files_of(tmp_path / "undisturbed")


def test_strict_job_ends_at_its_first_bad_page_and_goes_on_without_that(run, pages, tmp_path):
    (pages / "05.txt").write_bytes(b"")
    (pages / "07.txt").write_bytes(b"")
    with pytest.raises(UserError, match=r"05\.txt: the file is empty") as caught:
        run(pages, "strict=true")
    assert caught.value.exit_status == 1
    assert manifest_of(tmp_path / "job")["parts"]
    assert not manifest_of(tmp_path / "job")["complete"]
    with pytest.raises(PartlyRead, match="2 pages or rows were left out"):
        run(pages)
    with pytest.raises(PartlyRead):
        run(pages, output="undisturbed/")
    assert files_of(tmp_path / "job") == files_of(tmp_path / "undisturbed")


def test_part_that_was_changed_since_is_told(run, pages, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_behind(patched, 2)
        with pytest.raises(KeyboardInterrupt):
            run(pages)
    with (tmp_path / "job" / "part-00000.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match=r"part-00000\.jsonl: is gone, or not what manifest\.json says"):
        run(pages)


def test_shards_of_a_folder_hold_every_page_once(run, pages, tmp_path):
    (pages / "05.txt").write_bytes(b"")
    with pytest.raises(PartlyRead):
        run(pages, output="whole/")
    left_out = []
    for number in (1, 2, 3):
        try:
            run(pages, f"shard={number}/3")
        except PartlyRead as error:
            left_out.append(str(error))
    assert len(left_out) == 1
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == [f"shard-{n}-of-3" for n in (1, 2, 3)]
    union = sorted(rows_of(tmp_path / "job"), key=lambda row: row["id"])
    whole = sorted(rows_of(tmp_path / "whole"), key=lambda row: row["id"])
    assert plain(union) == plain(whole)
    for one, other in zip(union, whole, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=2e-6)
    inputs = [manifest_of(folder)["identity"]["input"] for folder in (tmp_path / "job").iterdir()]
    assert inputs[0] == inputs[1] == inputs[2]


def test_shards_of_one_file_hold_the_very_parts_of_the_whole_job(run, tmp_path):
    rows = [{"article_id": f"a{n // 4}", "text": LINES[n % len(LINES)]} for n in range(90)]
    rows[33]["text"] = " "
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    with pytest.raises(PartlyRead):
        run(source, output="whole/")
    for number in (1, 2):
        try:
            run(source, f"shard={number}/2")
        except PartlyRead:
            assert number == 1 + 33 // 12 % 2
    union = {path.name: path.read_bytes() for path in (tmp_path / "job").rglob("part-*")}
    assert union == {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("part-*")}
    assert len(union) > 6
    reasons = [path.read_text() for path in (tmp_path / "job").rglob("errors.jsonl")]
    assert reasons == [(tmp_path / "whole" / "errors.jsonl").read_text()]


def test_shards_of_another_division_and_whole_jobs_do_not_share_a_folder(run, pages):
    run(pages, "shard=1/2")
    with pytest.raises(UserError, match="holds shard-1-of-2, a job that is divided otherwise"):
        run(pages, "shard=1/3")
    with pytest.raises(UserError, match="holds shard-1-of-2; name another folder"):
        run(pages)
    run(pages, output="whole/")
    with pytest.raises(UserError, match="holds a job without shards"):
        run(pages, "shard=1/2", output="whole/")


def test_predictions_in_shards_are_read_only_when_every_shard_is_there(run, pages, tmp_path):
    (pages / "12.txt").write_text("Four were killed.\n", encoding="utf-8")
    numbers = [number for number in range(1, 12) if number != 3]
    for number in numbers:
        run(pages, f"shard={number}/11")
    (tmp_path / "job" / "shard-3-of-11").mkdir()
    for remains in (True, False):
        with pytest.raises(UserError, match=r"job: shard-3-of-11 is not there, or was not begun; run .*shard=3/11"):
            list(read_predictions(tmp_path / "job"))
        if remains:
            (tmp_path / "job" / "shard-3-of-11").rmdir()
    run(pages, "shard=3/11")
    assert sorted(row.id for row in read_predictions(tmp_path / "job")) == sorted(
        row["id"] for row in rows_of(tmp_path / "job")
    )
    shards = [int(file.parent.name.split("-")[1]) for file in prediction_files(tmp_path / "job")]
    assert shards == list(range(1, 12))
    manifest = tmp_path / "job" / "shard-7-of-11" / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"complete": true', '"complete": false'))
    with pytest.raises(UserError, match="shard-7-of-11: the job is not finished"):
        list(read_predictions(tmp_path / "job"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"program": "0.0.1"}, "versions .* and 0.0.1 of sitrep"),
        ({"settings": {"speaker": True}}, "speaker=false and with speaker=true"),
        ({"settings": {"part_sentences": 11}}, "part_sentences=10 and with part_sentences=11"),
        ({"checkpoint": {"model.safetensors": "0"}}, "two checkpoints, whose model.safetensors differs"),
        ({"input": {"names_and_sizes_sha256": "0"}}, "names or sizes of their input differ"),
    ],
)
def test_shards_of_two_jobs_are_not_read_as_one(run, pages, tmp_path, change, reason):
    for number in (1, 2):
        run(pages, f"shard={number}/2")
    path = tmp_path / "job" / "shard-2-of-2" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, value in change.items():
        old = content["identity"][name]
        content["identity"][name] = {**old, **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=f"shard-1-of-2 and shard-2-of-2 are not of one job: .*{reason}"):
        list(read_predictions(tmp_path / "job"))


def test_shards_may_be_written_and_computed_in_different_ways(run, pages, tmp_path):
    run(pages, "shard=1/2", "parts=parquet", f"pages_text={tmp_path / 'texts'}")
    run(pages, "shard=2/2", "inference.batch_tokens=500", "engine=reference")
    assert len({row.article_id for row in read_predictions(tmp_path / "job")}) == 12


def test_shards_of_two_divisions_and_a_whole_job_beside_shards_are_not_read(run, pages, tmp_path):
    run(pages, "shard=1/2")
    run(pages, "shard=2/3", output="other/")
    shutil.copytree(tmp_path / "other" / "shard-2-of-3", tmp_path / "job" / "shard-2-of-3")
    with pytest.raises(UserError, match="holds shard-1-of-2 and shard-2-of-3, which are not of one job"):
        list(read_predictions(tmp_path / "job"))
    whole = run(pages, output="whole/")
    shutil.copytree(tmp_path / "job" / "shard-1-of-2", whole / "shard-1-of-2")
    with pytest.raises(UserError, match="holds a whole job and shard-1-of-2"):
        list(read_predictions(whole))


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"])
def test_shard_that_is_none_is_refused(shard):
    with pytest.raises(UsageError, match=r"shard=.*write it as i/N, such as 2/8"):
        PredictSettings(input="x", shard=shard)


def test_what_cannot_be_a_job_in_parts_is_refused(run, pages, tmp_path):
    with pytest.raises(UserError, match="goes on where it was cut off, which a pipe cannot"):
        run("-")
    with pytest.raises(UserError, match=r"shard=1/2: only a job in parts is divided; end output=.*out\.jsonl with /"):
        run(pages, "shard=1/2", output="out.jsonl")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("mine")
    for overrides in ([], ["overwrite=true"]):
        with pytest.raises(UserError, match=r"mine: holds thesis, which is of no job in parts"):
            run(pages, *overrides, output="mine/")
    assert files_of(tmp_path / "mine") == {"thesis": b"mine"}
    with pytest.raises(UserError, match="is a file, not a folder"):
        run(pages, output="mine/thesis/")


def test_two_processes_do_not_work_in_one_folder(run, pages, tmp_path):
    with open_job_folder(f"{tmp_path / 'job'}/", None), pytest.raises(UserError, match="another process works in it"):
        run(pages)


def test_job_inside_its_input_folder_does_not_read_what_it_writes(run, pages):
    run(pages, output="pages/labels/")
    run(pages, output="pages/labels/")
    assert {row["article_id"] for row in rows_of(pages / "labels")} == {f"{number:02d}" for number in range(12)}


def test_folder_of_an_earlier_job_is_no_input(run, pages, tmp_path):
    (pages / "05.txt").write_bytes(b"")
    with pytest.raises(PartlyRead):
        run(pages, output="pages/labels/")
    with pytest.raises(PartlyRead, match="1 page or row was left out"):
        run(pages)
    assert len(rows_of(tmp_path / "job")) == len(rows_of(pages / "labels"))


def test_later_parts_have_the_columns_of_the_first_one(run, tmp_path):
    rows = [{"text": line, "n": number} for number, line in enumerate(LINES)]
    rows[-1] |= {"n": "many", "late": True}
    folder = run(write_jsonl(tmp_path / "rows.jsonl", rows), "parts=parquet")
    first, second = (parquet.read_table(path) for path in sorted(folder.glob("part-*.parquet")))
    assert second.schema.names == [*first.schema.names, "extra"]
    assert first.schema.field("n").type == second.schema.field("n").type == "int64"
    assert json.loads(second["extra"].to_pylist()[-1]) == {"n": "many", "late": True}


@pytest.mark.parametrize("output", ["job/", "out.parquet"])
def test_columns_of_parquet_input_keep_their_types_though_the_first_part_has_nothing_in_them(
    run, tmp_path, monkeypatch, output
):
    monkeypatch.setattr(table_files, "BUFFER_ROWS", 5)
    late = [None] * (len(LINES) - 1)
    columns = {
        "text": pyarrow.array(LINES),
        "killed": pyarrow.array([*late, 4], pyarrow.int32()),
        "when": pyarrow.array([*late, datetime.date(2024, 3, 5)]),
        "places": pyarrow.array([*late, ["Karsa", "Tel"]]),
        "outlet": pyarrow.array([*late, "wire"]).dictionary_encode(),
        "label": pyarrow.array([*late, 0.5]),
        "nothing": pyarrow.nulls(len(LINES)),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    made = run(tmp_path / "rows.parquet", "parts=parquet", output=output)
    for path in sorted(made.glob("part-*.parquet")) if output == "job/" else [made]:
        table = parquet.read_table(path)
        assert "extra" not in table.schema.names
        types = {name: str(table.schema.field(name).type) for name in table.schema.names}
        assert (types["killed"], types["when"], types["outlet"]) == ("int32", "date32[day]", "string")
        assert types["places"].startswith("list<")
        assert (types["input_label"], types["nothing"]) == ("double", "string")
    last = table.to_pylist()[-1]
    assert (last["killed"], last["when"], last["places"]) == (4, datetime.date(2024, 3, 5), ["Karsa", "Tel"])
    assert (last["outlet"], last["input_label"], last["nothing"]) == ("wire", 0.5, None)


def test_column_of_json_rows_that_the_first_part_has_nothing_in_is_text_in_all_of_them(run, tmp_path):
    rows = [{"text": line, "killed": None, "place": "Tel"} for line in LINES]
    rows[-3] |= {"killed": 4}
    rows[-2] |= {"killed": "four"}
    rows[-1] |= {"killed": [4, "or more"], "place": 7}
    folder = run(write_jsonl(tmp_path / "rows.jsonl", rows), "parts=parquet")
    first, *_, last = (parquet.read_table(path) for path in sorted(folder.glob("part-*.parquet")))
    assert first.schema.field("killed").type == last.schema.field("killed").type == "string"
    assert last["killed"].to_pylist()[-3:] == ["4", "four", '[4, "or more"]']
    assert last["place"].to_pylist()[-1] is None  # that column holds text, and not text or JSON
    assert json.loads(last["extra"].to_pylist()[-1]) == {"place": 7}


def test_reader_goes_on_in_the_middle_of_a_file_as_if_it_had_read_all(tmp_path):
    rows = [{"article_id": f"a{n // 3}", "text": LINES[n % 7] if n % 5 else ""} for n in range(60)]
    source = InputSource(str(write_jsonl(tmp_path / "rows.jsonl", rows)))
    files = list(source.named_files())

    def parts(start):
        reader, found = PartReader(source, files, start), []
        while not reader.ended:
            begin, refused = reader.place, []
            found.append((begin, [passage.id for passage in reader.part(7, refused.append)], list(map(str, refused))))
        return found

    whole = parts(Place())
    assert sum(len(ids) for _, ids, _ in whole) == 48
    assert sum(len(refused) for _, _, refused in whole) == 12
    for number, (begin, _, _) in enumerate(whole):
        assert parts(begin) == whole[number:]


def test_endless_article_is_cut_at_twice_the_size_of_a_part(tmp_path):
    source = InputSource(str(write_jsonl(tmp_path / "rows.jsonl", [{"article_id": "a", "text": "x"}] * 50)))
    reader = PartReader(source, list(source.named_files()), Place())
    sizes = []
    while not reader.ended:
        sizes.append(len(list(reader.part(10, lambda error: None))))
    assert sizes == [20, 20, 10]


def test_job_of_which_nothing_can_be_read_says_so(run, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": ""}, {"text": 3}])
    for _ in range(2):
        with pytest.raises(UserError, match=r"nothing could be read; the first reason of 2: .*:1: the text is empty"):
            run(source)


@pytest.mark.slow
@pytest.mark.usefixtures("beside_each_other")
@pytest.mark.parametrize("kills", [2, pytest.param(5, marks=pytest.mark.thorough)])
def test_kills_at_random_moments_leave_the_bytes_of_an_undisturbed_job(run_directory, tmp_path, kills):
    found = script("jobs").killed(str(run_directory), tmp_path, kills=kills, pages=300, seed=1)
    assert found.kills == kills
    assert found.same_bytes
