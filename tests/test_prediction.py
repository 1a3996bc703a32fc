import csv
import json

import pyarrow
import pytest
from conftest import TAXONOMY, rows, write_jsonl
from pyarrow import parquet

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.inference.run import predict
from sitrep.sentences import carried_fields
from sitrep.settings import PredictSettings

ARTICLE = "Home | World\nShells hit the bridge. Four were killed, the ministry said.\n\nShare this page\n"


@pytest.fixture
def run(run_directory, tmp_path):
    """Predict with the toy checkpoint and return the output rows."""

    def call(source, *overrides, output="out.jsonl"):
        fixed = [
            f"checkpoint={run_directory}",
            f"input={source}",
            f"output={tmp_path / output}",
            "inference.precision=fp32",
        ]
        predict(compose_settings("predict", PredictSettings, [*fixed, *overrides]))
        if output.endswith(".jsonl"):
            return [json.loads(line) for line in (tmp_path / output).read_text(encoding="utf-8").splitlines()]
        return tmp_path / output

    return call


def test_article_gives_one_object_a_sentence_with_exact_offsets(run, tmp_path):
    (tmp_path / "page.txt").write_text(ARTICLE, encoding="utf-8")
    found = run(tmp_path / "page.txt")
    assert [row["text"] for row in found] == [
        "Home | World",
        "Shells hit the bridge.",
        "Four were killed, the ministry said.",
        "Share this page",
    ]
    assert all(row["text"] == ARTICLE[row["start"] : row["end"]] for row in found)
    assert [row["position"] for row in found] == [0, 1, 2, 3]
    assert {row["article_id"] for row in found} == {"page"}
    assert list(found[0]) == [
        "id", "article_id", "position", "start", "end", "text", "label", "probabilities", "decision", "unfamiliar",
    ]  # fmt: skip
    assert {row["decision"] for row in found} <= {"accept", "review"}


def test_probabilities_name_every_label_in_order_and_sum_to_one(run, tmp_path):
    (tmp_path / "page.txt").write_text(ARTICLE, encoding="utf-8")
    for row in run(tmp_path / "page.txt"):
        assert tuple(row["probabilities"]) == TAXONOMY.labels
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert max(row["probabilities"], key=row["probabilities"].get) == row["label"]


def test_rows_keep_their_order_and_their_other_fields(run, tmp_path):
    content = rows(20)
    found = run(write_jsonl(tmp_path / "rows.jsonl", content))
    assert [(r["id"], r["article_id"], r["position"], r["text"]) for r in found] == [
        (r["id"], r["article_id"], r["position"], r["text"]) for r in content
    ]
    assert [r["input_label"] for r in found] == [r["label"] for r in content]  # theirs beside ours, not lost
    assert found[0]["labels"] == content[0]["labels"]


def test_model_that_learnt_the_toy_corpus_labels_it(run, tmp_path):
    found = run(write_jsonl(tmp_path / "rows.jsonl", rows(20)))
    assert sum(row["label"] == row["input_label"] for row in found) > 0.9 * len(found)


def test_bare_rows_get_ids_and_stand_alone(run, tmp_path):
    found = run(write_jsonl(tmp_path / "rows.jsonl", [{"text": "a"}, {"text": "b"}]))
    assert [(r["id"], r["article_id"], r["position"]) for r in found] == [
        ("rows:0", "rows:0", 0),
        ("rows:1", "rows:1", 0),
    ]


def test_other_text_column_is_named_by_a_setting(run, tmp_path):
    (tmp_path / "a.csv").write_text("sentence,source\nFour were killed.,radio\n", encoding="utf-8")
    found = run(tmp_path / "a.csv", "text_field=sentence")
    assert (found[0]["text"], found[0]["source"]) == ("Four were killed.", "radio")


def test_rows_that_hold_articles_are_cut_into_sentences(run, tmp_path):
    content = [{"id": "x", "text": ARTICLE, "source": "radio"}]
    found = run(write_jsonl(tmp_path / "rows.jsonl", content), "unit=article")
    assert [r["id"] for r in found] == ["x:0", "x:1", "x:2", "x:3"]
    assert all(r["article_id"] == "x" and r["source"] == "radio" for r in found)
    assert all(r["text"] == ARTICLE[r["start"] : r["end"]] for r in found)


def test_folder_is_read_file_by_file_in_the_order_of_names(run, tmp_path):
    folder = tmp_path / "pages"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_text("One.", encoding="utf-8")
    (folder / "a.txt").write_text("Two.", encoding="utf-8")
    (folder / "sub" / "c.txt").write_text("Three.", encoding="utf-8")
    (folder / "notes.md").write_text("not read", encoding="utf-8")
    assert [r["article_id"] for r in run(folder)] == ["a", "b", "sub/c"]


def test_csv_and_parquet_hold_the_same_predictions_as_jsonl(run, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": r["text"], "n": i} for i, r in enumerate(rows(2))])
    lines = run(source)
    with run(source, output="out.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    table = parquet.read_table(run(source, output="out.parquet")).to_pylist()
    for line, cell, entry in zip(lines, cells, table, strict=True):
        assert line["text"] == cell["text"] == entry["text"]
        assert line["label"] == cell["label"] == entry["label"]
        assert line["n"] == int(cell["n"]) == entry["n"]
        for label, value in line["probabilities"].items():
            assert float(cell[f"probability_{label}"]) == entry[f"probability_{label}"] == value


def test_overlong_sentence_is_read_in_part_and_says_so(run, tmp_path):
    content = [{"text": "shells " * 20_000}, {"text": "shells " * 126}, {"text": "shells " * 127}]
    found = run(write_jsonl(tmp_path / "rows.jsonl", content))
    assert [row.get("truncated") for row in found] == [True, None, True]  # 128 tokens, two of them special


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", " \n", r"a\.txt: the text is empty"),
        ("a.txt", "", "the file is empty"),
        ("a.txt", "caf\udce9", r"a\.txt:1: byte 4 \(0xe9\) is not UTF-8"),
        ("a.txt", "a\0b", r"a\.txt:1: holds a NUL byte"),
        ("a.jsonl", '{"text": ""}\n', r"a\.jsonl:1: the text is empty; fill it or remove the row"),
        ("a.jsonl", '{"text": 3}\n', r"a\.jsonl:1: text must be text, not 3"),
        ("a.csv", "sentence\na\n", r"a\.csv:2: no column 'text' \(text_field\); there are 'sentence'"),
        ("a.jsonl", '{"text": "a", "position": "x"}\n', r"position must be a whole number"),
        ("a.jsonl", '{"text": "a", "position": 1e400}\n', r"a\.jsonl:1: position must be a whole number"),
        ("a.jsonl", '{"text": "a", "position": 1.5}\n', r"position must be a whole number"),
        ("a.jsonl", '{"text": "a", "v": NaN}\n', r"a\.jsonl:1: not valid JSON: NaN is not JSON"),
        ("a.jsonl", '{"text": "\\ud800"}\n', r"a\.jsonl:1: not valid JSON: .*surrogates not allowed"),
        ("a.jsonl", '{"text": "a", "n": ' + "1" * 5000 + "}\n", r"a\.jsonl:1: not valid JSON"),
        ("a.csv", "text;label\na;b\n", r"a\.csv:1: the only column is 'text;label'; part columns by commas"),
        ("a.pdf", "%PDF", "cannot tell what .pdf holds"),
    ],
)
def test_broken_input_is_refused_and_leaves_no_output(run, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=message):
        run(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_existing_output_is_kept_and_replaced_on_request(run, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": "a"}])
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(UserError, match="exists already and was kept; overwrite=true"):
        run(source)
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    assert len(run(source, "overwrite=true")) == 1


def test_field_that_only_some_rows_have_is_a_column_of_a_table(run, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": "a"}, {"text": "b", "extra": 1}])
    assert run(source)[1]["extra"] == 1
    with run(source, output="out.csv").open(encoding="utf-8", newline="") as file:
        assert [row["extra"] for row in csv.DictReader(file)] == ["", "1"]
    assert parquet.read_table(run(source, output="out.parquet"))["extra"].to_pylist() == [None, 1]


def test_unknown_output_ending_and_empty_folder_are_refused(run, tmp_path):
    (tmp_path / "page.txt").write_text(ARTICLE, encoding="utf-8")
    with pytest.raises(UserError, match=r"the ending must be one of \.jsonl, \.csv, \.parquet"):
        run(tmp_path / "page.txt", output="out.xlsx")
    (tmp_path / "void").mkdir()
    with pytest.raises(UserError, match=r"the folder holds none of \.txt"):
        run(tmp_path / "void")


def test_columns_of_an_earlier_prediction_do_not_pass_for_this_one(run, tmp_path):
    first = run(write_jsonl(tmp_path / "rows.jsonl", [{"text": "Four were killed."}]), output="first.csv")
    again = run(first)[0]
    assert again["probabilities"] == pytest.approx(run(first, output="again.jsonl")[0]["probabilities"])
    assert again["input_label"] == again["label"]
    assert {f"input_probability_{label}" for label in TAXONOMY.labels} <= set(again)


def test_carried_fields_never_collide():
    assert carried_fields({"label": 1, "input_label": 2, "x": 3}) == {"input_input_label": 1, "input_label": 2, "x": 3}


def test_units_without_position_are_counted_by_article_also_where_articles_alternate(run, tmp_path):
    content = [{"article_id": article, "text": f"row {n}"} for n, article in enumerate("ABAAB")]
    assert [row["position"] for row in run(write_jsonl(tmp_path / "rows.jsonl", content))] == [0, 0, 1, 2, 1]


def test_units_without_position_go_on_behind_those_of_their_article_that_bring_one(run, tmp_path):
    content = [{"article_id": "A", "text": "a", "position": n} for n in (0, 1)]
    content += [{"article_id": "A", "text": "b"}, {"article_id": "B", "text": "c"}, {"article_id": "A", "text": "d"}]
    assert [row["position"] for row in run(write_jsonl(tmp_path / "rows.jsonl", content))] == [0, 1, 2, 0, 3]


def test_article_given_in_two_rows_keeps_counting_and_keeps_the_ids_apart(run, tmp_path):
    content = [{"id": n, "article_id": "A", "text": "One.\nTwo."} for n in (7, 8)]
    found = run(write_jsonl(tmp_path / "rows.jsonl", content), "unit=article")
    assert [(row["id"], row["article_id"], row["position"], row["input_id"]) for row in found] == [
        ("7:0", "A", 0, 7), ("7:1", "A", 1, 7), ("8:0", "A", 2, 8), ("8:1", "A", 3, 8),
    ]  # fmt: skip


def test_output_may_lie_in_the_input_folder_but_not_be_the_input(run, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.txt").write_text("One.")
    (tmp_path / "pages" / "a.csv").write_text("text\nTwo.\n")
    for overrides in ([], ["overwrite=true"]):
        found = run(tmp_path / "pages", *overrides, output="pages/out.jsonl")
        assert [row["article_id"] for row in found] == [
            "a.csv:0",
            "a.txt",
        ]  # one name, two files: the endings tell them
    with pytest.raises(UserError, match="is the input itself"):
        run(tmp_path / "pages" / "out.jsonl", "overwrite=true", output="pages/out.jsonl")


def test_gaps_and_nested_values_survive_every_format(run, tmp_path):
    table = pyarrow.table(
        {
            "text": ["a", "b"],
            "position": [1.0, None],
            "x": [float("nan"), 1.5],
            "empty": pyarrow.nulls(2),
            "n": [{"k": 1}] * 2,
        }
    )
    parquet.write_table(table, tmp_path / "rows.parquet")
    lines = run(tmp_path / "rows.parquet")
    assert [(row["position"], row["x"], row["empty"], row["n"]) for row in lines] == [
        (1, None, None, {"k": 1}),
        (0, 1.5, None, {"k": 1}),
    ]
    with run(tmp_path / "rows.parquet", output="out.csv").open(encoding="utf-8", newline="") as file:
        assert json.loads(next(csv.DictReader(file))["n"]) == {"k": 1}
    assert parquet.read_table(run(tmp_path / "rows.parquet", output="out.parquet")).num_rows == 2


def test_lines_of_telex_get_the_label_of_their_sentence_and_keep_their_own_text(run, tmp_path):
    lines = ["GUNMEN STORMED THE POST AT DAWN ON MONDAY AND THE", "GOVERNOR FLED.", "FOUR WERE KILLED IN THE RAID."]
    source = write_jsonl(tmp_path / "rows.jsonl", [{"article_id": "a", "text": line} for line in lines])
    joined, apart = run(source), run(source, "join_lines=never", output="apart.jsonl")
    assert [row["text"] for row in joined] == lines
    assert [row.get("read_as") for row in joined] == [f"{lines[0]} {lines[1]}"] * 2 + [None]
    assert joined[0]["probabilities"] == joined[1]["probabilities"]
    assert not any("read_as" in row for row in apart)


def test_what_repeats_is_marked_in_every_format(run, tmp_path):
    text = "Gunmen stormed the post of Bela at dawn on Monday. Four were killed and nine wounded in the raid there."
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "a.txt").write_text(text, encoding="utf-8")
    (pages / "b.txt").write_text(f"{text} The town lies on a river.", encoding="utf-8")
    found = run(pages, "duplicates=mark")
    assert found[0]["sentence_group"] == found[2]["sentence_group"] is not None
    assert found[4]["sentence_group"] is None
    with run(pages, "duplicates=mark", output="out.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["sentence_group"] or None for row in csv.DictReader(file)] == [r["sentence_group"] for r in found]


def test_repeats_are_not_looked_for_in_a_pipe(run):
    with pytest.raises(UserError, match="duplicates=mark: reads the input twice"):
        run("-", "duplicates=mark")
