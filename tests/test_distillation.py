import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TAXONOMY, train_settings, write_jsonl

from sitrep.data.loading import divide, load_data
from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.inference.inputs import InputSource
from sitrep.labels import Task
from sitrep.model.encoding import reading_order
from sitrep.sentences import LabelledSentence, Use
from sitrep.settings import DataSettings, Precision, TrainerSettings, TrainSettings
from sitrep.training.distillation import Teachers, wanted_probabilities
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.run import train
from sitrep.training.run_identity import refuse_changes, run_identity
from sitrep.training.trainer import ContrastiveTrainer, SentenceTrainer

LIKELY = dict(zip(TAXONOMY.labels, (0.6, 0.4, 0, 0, 0), strict=True))


def sentence(probabilities=None, label="official_statement"):
    return LabelledSentence("The army denied it.", label, (label,), "a-0", "a", 0, probabilities=probabilities)


def test_what_is_wanted_is_the_label_mixed_with_the_probabilities():
    wanted = wanted_probabilities([sentence(LIKELY), sentence()], TAXONOMY, Task.single_label, 0.25)
    assert wanted.tolist() == pytest.approx(np.array([[0.15, 0.85, 0, 0, 0], [0, 1, 0, 0, 0]]))


def test_probabilities_of_other_classes_play_no_part():
    for likely in ({"war": 1.0}, dict.fromkeys(TAXONOMY.classes, 0.25)):
        assert wanted_probabilities([sentence(likely)], TAXONOMY, Task.single_label, 1.0).tolist() == [[0, 1, 0, 0, 0]]


def test_of_many_labels_each_class_is_wanted_by_itself():
    likely = dict.fromkeys(TAXONOMY.classes, 0.5)
    wanted = wanted_probabilities([sentence(likely)], TAXONOMY, Task.multi_label, 0.5)
    assert wanted.tolist() == [[0.25, 0.75, 0.25, 0.25]]


def test_nothing_wanted_of_nothing_has_a_column_for_each_class():
    assert wanted_probabilities([], TAXONOMY, Task.single_label, 0.5).shape == (0, 5)


def test_units_to_learn_from_alone_are_never_held_out_nor_those_to_calibrate_on_learnt(monkeypatch):
    uses = (Use.any, Use.learning, Use.calibration)
    units = [
        replace(sentence(), id=f"{use.name}{n}-{i}", article_id=f"{use.name}{n}", position=i, use=use)
        for use in uses
        for n in range(20)
        for i in range(2)
    ]
    monkeypatch.setattr("sitrep.data.loading.read_labelled", lambda *_: units)
    data = divide(DataSettings(), TAXONOMY)
    assert {unit.use for unit in data.split.validation + data.split.test} == {Use.any}
    assert {unit.use for unit in data.split.train} == {Use.any, Use.learning}
    assert {unit.use for unit in data.calibration} == {Use.calibration}
    assert len(data.split.train) + len(data.split.validation) + len(data.split.test) + len(data.calibration) == len(
        units
    )


def test_teachers_are_asked_for_what_is_learnt_and_their_mean_is_taken(run_directory, toy_file):
    split = load_data(DataSettings(train_files=[str(toy_file)]), TAXONOMY).split
    one, two = (
        Teachers.open([str(run_directory)] * count, TAXONOMY, Task.single_label, Precision.fp32) for count in (1, 2)
    )
    taught = one.teach(split.train)
    assert [unit.text for unit in taught] == [unit.text for unit in split.train]
    assert all(sum(unit.probabilities.values()) == pytest.approx(1) for unit in taught)
    for first, second in zip(taught, two.teach(split.train), strict=True):
        assert first.probabilities == pytest.approx(second.probabilities)


def test_pages_without_labels_are_cut_into_sentences_and_given_the_teachers_probabilities(run_directory, tmp_path):
    (tmp_path / "page.txt").write_text("Gunmen stormed the post. No one was hurt.\nShare this page\n", encoding="utf-8")
    teachers = Teachers.open([str(run_directory)], TAXONOMY, Task.single_label, Precision.fp32)
    found = teachers.label([str(tmp_path / "page.txt")])
    assert [unit.text for unit in found] == ["Gunmen stormed the post.", "No one was hurt.", "Share this page"]
    assert all(set(unit.probabilities) == set(TAXONOMY.labels) for unit in found)


def test_pages_without_labels_get_the_label_that_the_teachers_hold_likeliest(run_directory, tmp_path, monkeypatch):
    page = tmp_path / "page.txt"
    page.write_text("Share this page\nGunmen stormed the post.\n", encoding="utf-8")
    teachers = Teachers.open([str(run_directory)], TAXONOMY, Task.single_label, Precision.fp32)
    for names in (("boilerplate", "attack_description"), ("none", "official_statement")):
        means = np.array([[0.6 if name == likely else 0.1 for name in TAXONOMY.labels] for likely in names])
        monkeypatch.setattr(Teachers, "_mean_probabilities", lambda *_, means=means: means)
        assert [unit.label for unit in teachers.label([str(page)])] == list(names)


@pytest.fixture
def sites(tmp_path):
    """Two folders with a page of one name."""
    pages = {"a": "Gunmen stormed the post.\nNo one was hurt.\n", "b": "Share this page\nThe ministry denied it.\n"}
    for name, text in pages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.txt").write_text(text, encoding="utf-8")
    return [f"{tmp_path / name}/" for name in pages]


def test_pages_of_one_name_in_two_inputs_or_in_the_labelled_data_are_read_apart(run_directory, sites):
    teachers = Teachers.open([str(run_directory)], TAXONOMY, Task.single_label, Precision.fp32)
    labelled = [replace(sentence(), article_id="index", text=f"The army denied {n}.") for n in range(2)]
    split, unlabelled, _ = teachers.instruct(Split(tuple(labelled), (), ()), sites)
    units = [*split.train, *unlabelled]
    assert [[units[number].text for number in page] for page in reading_order(units)] == [
        ["The army denied 0.", "The army denied 1."],
        ["Gunmen stormed the post.", "No one was hurt."],
        ["Share this page", "The ministry denied it."],
    ]
    assert len({unit.id for unit in unlabelled}) == len(unlabelled)


def test_sentence_of_a_training_page_is_learnt_by_its_label_alone(run_directory, sites):
    teachers = Teachers.open([str(run_directory)], TAXONOMY, Task.single_label, Precision.fp32)
    names = [unit.article_id for unit in InputSource(sites[0]).passages()]
    labelled = (
        replace(sentence(), article_id=names[0], text="No one was hurt."),
        replace(sentence(), article_id="another", text="Share this page"),
    )
    _, unlabelled, left_out = teachers.instruct(Split(labelled, (), ()), sites)
    assert [unit.text for unit in unlabelled] == [
        "Gunmen stormed the post.",
        "Share this page",
        "The ministry denied it.",
    ]
    assert left_out == 1


def test_of_many_labels_a_page_without_labels_is_filed_under_what_applies():
    teachers = Teachers((), TAXONOMY, Task.multi_label, Precision.fp32)
    means = np.array([[0.1] * 4, [0.1, 0.6, 0.9, 0.1]])
    assert teachers._likeliest(means)[0] == "none"
    assert teachers._likeliest(means)[1] in TAXONOMY.classes[1:3]


def test_what_nobody_labelled_has_no_part_in_the_contrast_of_labels(toy_file, tmp_path, monkeypatch):
    contrasted, learnt = [], []
    for kind, seen in ((ContrastiveTrainer, contrasted), (SentenceTrainer, learnt)):
        monkeypatch.setattr(kind, "compute_loss", _noting(kind.compute_loss, seen))
    settings = train_settings(toy_file, tmp_path / "run", "trainer.contrastive_epochs=1")
    split = load_data(settings.data, TAXONOMY).split
    unlabelled = tuple(replace(sentence(LIKELY), article_id=f"page {n}") for n in range(5))
    fine_tune(settings, split, TAXONOMY, tmp_path / "scratch", unlabelled=unlabelled)
    texts = [unit.text for unit in split.train]
    assert set(contrasted) == set(range(len(texts)))
    assert set(learnt) == set(range(len(texts) + len(unlabelled)))


def _noting(compute_loss, seen):
    """A loss that notes the numbers of the units that it learns from."""

    def noted(self, model, inputs, *others, **options):
        if model.training:
            seen.extend(inputs["numbers"][inputs["labels"] >= 0].tolist())
        return compute_loss(self, model, inputs, *others, **options)

    return noted


def test_teacher_of_other_labels_is_refused(run_directory):
    with pytest.raises(UserError, match=r"trainer\.teacher=.*answers as single_label with .*; multi_label"):
        Teachers.open([str(run_directory)], TAXONOMY, Task.multi_label, Precision.fp32)


def test_teacher_that_is_none_is_refused_by_name_before_the_data_is_read(tmp_path):
    with pytest.raises(UserError, match=r"^trainer\.teacher=nowhere: no such folder"):
        Teachers.open(["nowhere"], TAXONOMY, Task.single_label, Precision.fp32)
    with pytest.raises(UserError, match=r"^trainer\.teacher=nowhere"):
        train(train_settings(tmp_path / "no_such.jsonl", tmp_path / "run", "trainer.teacher=[nowhere]"))
    assert not (tmp_path / "run").exists()


def test_run_with_a_teacher_goes_on_though_another_processor_gives_other_last_digits(run_directory, data_settings):
    settings = TrainSettings(data=data_settings, trainer=TrainerSettings(teacher=[str(run_directory)]))
    data = load_data(settings.data, TAXONOMY)

    def identity(likely, text="The army denied it.", label="none"):
        train = tuple(replace(unit, probabilities=LIKELY | likely) for unit in data.split.train)
        unlabelled = [replace(sentence(likely, label), text=text, labels=())]
        return run_identity(settings, replace(data, split=replace(data.split, train=train)), unlabelled, 1)

    begun = identity({"none": 0.1})
    refuse_changes(begun, identity({"none": 0.1 + 1e-16}, label="boilerplate"), Path("run"))
    with pytest.raises(UserError, match="its unlabelled set differs"):
        refuse_changes(begun, identity({"none": 0.1}, text="Another."), Path("run"))


def test_run_with_a_teacher_that_was_changed_is_not_gone_on_with(run_directory, data_settings, tmp_path):
    teacher = tmp_path / "teacher"
    shutil.copytree(run_directory / "checkpoint", teacher)
    (teacher / "sitrep.json").unlink()  # as another program would have made it
    settings = TrainSettings(data=data_settings, trainer=TrainerSettings(teacher=[str(teacher)]))
    data = load_data(settings.data, TAXONOMY)
    begun = run_identity(settings, data, (), 1)
    with (teacher / "model.safetensors").open("ab") as weights:
        weights.write(b" ")
    with pytest.raises(UserError, match=r"teacher/model\.safetensors was changed since it began"):
        refuse_changes(begun, run_identity(settings, data, (), 1), Path("run"))


@pytest.mark.slow
def test_training_with_a_teacher_and_pages_without_labels(run_directory, toy_file, tmp_path, capsys):
    pages = write_jsonl(tmp_path / "pages.jsonl", [{"text": "Rockets fell on the depot."}, {"text": "Subscribe now"}])
    settings = train_settings(
        toy_file,
        tmp_path / "taught",
        f"trainer.teacher=[{run_directory}]",
        f"data.unlabelled_files=[{pages}]",
        "trainer.distillation=1",
    )
    run = train(settings)
    told = capsys.readouterr().err
    assert "without labels: 2 units" in told
    assert "may have learnt from these test pages" not in told  # the teacher was measured on the same test set
    assert (run / "checkpoint" / "model.safetensors").is_file()


def test_pages_without_labels_want_a_teacher(toy_file, tmp_path):
    with pytest.raises(UserError, match=r"data\.unlabelled_files=.*name a trainer\.teacher"):
        train_settings(toy_file, tmp_path / "run", f"data.unlabelled_files=[{toy_file}]")


def test_pages_given_to_calibrate_on_are_in_no_other_set(toy_file, tmp_path):
    rows = [{"text": f"Shells hit hill {n}.", "label": "attack_description", "article_id": "hills"} for n in range(3)]
    given = write_jsonl(tmp_path / "foreign.jsonl", rows)
    data = load_data(DataSettings(train_files=[str(toy_file)], calibration_files=[str(given)]), TAXONOMY)
    assert [unit.text for unit in data.calibration] == [row["text"] for row in rows]
    assert all(unit.article_id != "hills" for part in data.split.parts().values() for unit in part)
