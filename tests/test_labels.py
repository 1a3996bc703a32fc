import pytest
import yaml
from conftest import PROJECT, TAXONOMY, WITHOUT_NONE

from sitrep.errors import UsageError, UserError
from sitrep.labels import OPTIONAL_LISTS, Task, Taxonomy, find_taxonomy, read_taxonomy

WEATHER = {"labels": {"storm": "tells of a storm", "calm": "tells of calm", "other": "neither"}, "negative": "other"}


def written(tmp_path, content):
    path = tmp_path / "weather.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def test_shipped_taxonomies_are_those_of_the_codebook():
    classes = ("attack_description", "official_statement", "casualty_report", "boilerplate")
    assert TAXONOMY.labels == (*classes, "none")
    assert TAXONOMY.classes == TAXONOMY.averaged == WITHOUT_NONE.labels == WITHOUT_NONE.averaged == classes
    assert (TAXONOMY.negative, WITHOUT_NONE.negative, WITHOUT_NONE.left_out) == ("none", None, ("none",))
    assert TAXONOMY.class_names(Task.single_label) == TAXONOMY.labels
    assert TAXONOMY.class_names(Task.multi_label) == classes
    assert TAXONOMY.filing_order == ("boilerplate", "casualty_report", "attack_description", "official_statement")


def test_taxonomy_of_anybody_is_read_from_a_file_and_written_back_the_same(tmp_path):
    found = find_taxonomy(str(written(tmp_path, WEATHER)))
    assert found == Taxonomy(WEATHER["labels"], "other", averaged=("storm", "calm"))
    assert read_taxonomy(written(tmp_path, found.as_plain())) == found
    assert read_taxonomy(written(tmp_path, {"labels": ["a", "b"]})).labels == ("a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("labels: [", "not valid YAML"),
        ("[a, b]", "must map `labels` to the names"),
        ({"labels": ["a"]}, r"labels must name two or more, not \['a'\]"),
        ({"labels": ["a", "b"], "negative": "c"}, "negative must be one of the labels"),
        ({"labels": ["a", "b"], "negative": "b", "averaged": ["b"]}, "averaged must hold classes of"),
        ({"labels": ["a", "b"], "left_out": ["a"]}, "left_out must hold other labels"),
        ({"labels": ["a", "b"], "exclusive": "a"}, "not something else than a list"),
        ("labels: [yes, no]", "labels must be names of text, not True; put it in quotes"),
        ({"labels": ["a", "b"], "precedance": ["a"]}, "there is no field 'precedance' in a taxonomy"),
    ],
)
def test_what_is_wrong_with_a_taxonomy_is_said_in_one_line(tmp_path, content, message):
    with pytest.raises(UserError, match=rf"weather\.yaml: .*{message}") as raised:
        read_taxonomy(written(tmp_path, content))
    assert "\n" not in str(raised.value)


def test_name_that_is_neither_shipped_nor_a_file_is_refused():
    with pytest.raises(UsageError, match="labels=six: no such choice; use one of five, four, or a YAML file"):
        find_taxonomy("six")


@pytest.mark.parametrize(
    ("label", "labels", "message"),
    [
        ("weather", (), "unknown label 'weather'; use one of attack_description.*data.label_map={weather: none}"),
        ("none", ("weather",), "unknown label 'weather'"),
        ("boilerplate", (), "not among its labels"),
        ("boilerplate", ("boilerplate", "official_statement"), "boilerplate excludes the other classes"),
    ],
)
def test_labels_that_contradict_the_codebook_are_refused(label, labels, message):
    with pytest.raises(ValueError, match=message):
        TAXONOMY.validate(label, labels)


def test_none_may_still_name_a_class_that_applies():
    TAXONOMY.validate("none", ("casualty_report",))
    WITHOUT_NONE.validate("none", ())


def test_example_of_the_codebook_has_every_key_that_a_taxonomy_file_may_have():
    page = (PROJECT / "docs" / "codebook.md").read_text(encoding="utf-8")
    example = page.partition("## A taxonomy of your own")[2].partition("```yaml\n")[2].partition("```")[0]
    assert set(yaml.safe_load(example)) == {"labels", "negative", *OPTIONAL_LISTS}
