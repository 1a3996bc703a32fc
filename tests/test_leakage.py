import json
from dataclasses import replace

import pytest
from conftest import rows, train_settings, write_jsonl

from sitrep.data.leakage import refuse_leaks, seen_units, text_digests
from sitrep.data.loading import LoadedData
from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence
from sitrep.training.run import train


def unit(text, name):
    return LabelledSentence(text, "none", (), name, name, 0, {})


LONG = "Six people were killed in the raid"


@pytest.mark.parametrize(
    "other",
    [LONG, LONG.upper(), "Six people\u00ad were kil\u200bled in the raid", "Ｓix people were killed in the raid"],
)
def test_texts_that_the_model_reads_alike_are_the_same_text(other):
    split = Split((unit(LONG, "a"),), (), (unit(other, "b"), unit("Nobody was killed in the second raid", "c")))
    assert seen_units(split.train, split.test) == 1
    assert seen_units((), split.test, text_digests(split.train)) == 1
    with pytest.raises(UserError, match=r"1 texts stand in more than one set, the first as a \(train\) and b \(test\)"):
        refuse_leaks(split)


def test_short_texts_stand_in_many_places_by_chance():
    split = Split((unit("Share this page", "a"),), (), (unit("Share this page", "b"),))
    assert seen_units(split.train, split.test) == 0
    assert text_digests(split.train) == []


def test_pages_that_temperature_and_thresholds_were_fitted_on_count_as_known():
    split = Split((), (), (unit(LONG, "b"),))
    data = LoadedData(split, (), (), (unit(LONG, "foreign"),))
    assert seen_units(data.known_to_the_model, split.test) == 1


def test_pages_to_calibrate_on_that_are_pages_of_another_set_are_refused():
    page, other = unit(LONG, "a"), unit("Nobody was killed in the second raid", "b")
    split = Split((page,), (), ())
    refuse_leaks(split, (other,))
    with pytest.raises(UserError, match=r"first as a \(train\) and c \(calibration\): what is fitted on them would"):
        refuse_leaks(split, (replace(page, id="c", article_id="c"),))
    with pytest.raises(
        UserError, match=r"1 articles of data\.calibration_files stand in other sets, the first, 'a', in tr"
    ):
        refuse_leaks(split, (replace(other, article_id="a"),))


def test_training_refuses_to_calibrate_on_its_own_pages(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "run", f"data.calibration_files=[{toy_file}]")
    with pytest.raises(UserError, match=r"texts stand in more than one set, .*what is fitted on them would measure"):
        train(settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_report_of_a_run_with_leaks_says_how_many(tmp_path):
    leaked = [row | {"id": f"t{row['id']}", "article_id": f"t{row['article_id']}"} for row in rows(4)]
    train_file, test_file = write_jsonl(tmp_path / "a.jsonl", rows()), write_jsonl(tmp_path / "b.jsonl", leaked)
    files = [f"data.test_files=[{test_file}]", "data.allow_leakage=true"]
    run = train(train_settings(train_file, tmp_path / "run", *files))
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["data"]["seen_in_training"] <= len(leaked)
    assert "that the model was not trained on" not in (run / "report.html").read_text()
    assert any("trained or chosen on" in note for note in metrics["notes"])
