import pytest
from conftest import TAXONOMY

from sitrep.cli.arguments import list_of_paths, mapping_of, read_arguments
from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError
from sitrep.settings import EvaluateSettings, PredictSettings, TrainSettings

NAMES = [
    "my page (2).txt", "a,b.txt", "it's.txt", "a=b.txt", "Größe.txt", "a\\b.txt", "end\\", "a\\b'c", "[new] rows.csv",
    "新闻.csv", "a&b.csv", "100%.csv", "{x}.csv", "a;b.csv", "epoch=9.csv", "null.txt", "true", "draft~.txt", 'a"b.txt',
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_file_names_need_no_quoting(name):
    assert compose_settings("predict", PredictSettings, [f"input=./{name}"]).input == f"./{name}"


@pytest.mark.parametrize("name", NAMES)
def test_file_names_stand_in_lists_as_they_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for each in (name, "other.csv"):
        (tmp_path / each).write_text("x")
    for names in ([name], [name, "other.csv"], ["other.csv", name]):
        written = f"data.test_files=[{','.join(names)}]"
        assert compose_settings("evaluate", EvaluateSettings, [written]).data.test_files == names


def test_lists_may_be_quoted_empty_or_a_single_name():
    assert list_of_paths("['c, d',e]") == ["c, d", "e"]
    assert list_of_paths('["a b"]') == ["a b"]
    assert list_of_paths("[]") == []
    assert list_of_paths("one.csv") == ["one.csv"]
    assert list_of_paths("[a.csv, b.csv]") == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("{attack: a, other: b}", {"attack": "a", "other": "b"}),
        ("{0: a, 1: b}", {"0": "a", "1": "b"}),
        ("{true: a, null: b}", {"true": "a", "null": "b"}),
        ("{'shelling, artillery': a}", {"shelling, artillery": "a"}),
        ("{Sana'a: a, it's: b}", {"Sana'a": "a", "it's": "b"}),
        ("{'it\\'s: so': a}", {"it's: so": "a"}),
        ("{Violence: against civilians: a}", {"Violence: against civilians": "a"}),
        ("{}", {}),
    ],
)
def test_label_names_are_text_whatever_they_look_like(written, wanted):
    assert mapping_of(written) == wanted


def test_label_map_that_an_error_advises_can_be_typed_as_it_is():
    labels = ["0", "true", "it's", "a, b", "x: y"]
    for label in labels:
        with pytest.raises(ValueError, match="unknown label") as raised:
            TAXONOMY.validate(label, ())
        advised = str(raised.value).partition("map it with ")[2]
        assert compose_settings("train", TrainSettings, [advised]).data.label_map == {label: "none"}


def test_pairs_of_a_map_may_come_one_by_one():
    found = read_arguments(["data.label_map={a: x}", "data.label_map.b=y"]).literal
    assert found == {"data.label_map": {"a": "x", "b": "y"}}


@pytest.mark.parametrize("written", ["a: b", "{a}", "{: b}"])
def test_map_that_is_none_is_refused_with_the_way_to_write_it(written):
    with pytest.raises(UsageError, match=r"data\.label_map=.*theirs: ours"):
        mapping_of(written)
