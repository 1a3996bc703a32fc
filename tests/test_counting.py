import csv
import json
import random
from dataclasses import replace

import pyarrow
import pyarrow.parquet
import pytest
from conftest import write_jsonl

from sitrep.cli.commands import run_command
from sitrep.counting.run import audit
from sitrep.data.own_labels import text_hash
from sitrep.errors import UsageError, UserError
from sitrep.settings import AuditSettings

CLASSES = ("attack", "toll", "other")
NASTY = '=HYPERLINK("http://x")'
"""Stands in the column that is counted by."""


def predictions(pages=120, units=5):
    """Rows of a set in which a third of the units are of each class, and the model takes some of them for another."""
    made = []
    for page in range(pages):
        for position in range(units):
            number = page * units + position
            true = CLASSES[(page + position) % 3]
            given = CLASSES[(page + position + 1) % 3] if number % 11 == 0 else true
            made.append(
                {
                    "id": f"p{page}#{position}",
                    "article_id": f"p{page}",
                    "position": position,
                    "text": f"sentence {number}",
                    "label": given,
                    "probabilities": {name: 0.8 if name == given else 0.1 for name in CLASSES},
                    "outlet": NASTY if page % 4 == 0 else f"outlet {page % 4}",
                    "published": f"2024-{page % 12 + 1:02}-15T10:00:00Z",
                    "true": true,
                }
            )
    return made


def labels(rows, pages=60, per_page=2, **changed):
    """Labels of some units of every other page, as a random draw gives them."""
    rng = random.Random(1)
    by_page = {}
    for row in rows:
        by_page.setdefault(row["article_id"], []).append(row)
    drawn = [row for page in rng.sample(sorted(by_page), pages) for row in rng.sample(by_page[page], per_page)]
    chance = pages * per_page / len(rows)
    return [
        {
            **{name: row[name] for name in ("id", "article_id", "position", "text")},
            "text_hash": text_hash(row["text"]),
            "label": row["true"],
            "labels": [row["true"]],
            "coder": "anna",
            "drawn": "random",
            "sampling_probability": chance,
        }
        | changed
        for row in drawn
    ]


@pytest.fixture
def files(tmp_path):
    """Writes predictions and labels, and gives settings."""

    def write(rows, labelled, output="counts.json", **settings):
        return AuditSettings(
            predictions=str(write_jsonl(tmp_path / "predictions.jsonl", rows)),
            labels=str(write_jsonl(tmp_path / "labels.jsonl", labelled)),
            output=str(tmp_path / output),
            **settings,
        )

    return write


def counted(settings):
    return json.loads(audit(settings).read_text(encoding="utf-8"))


def test_counts_of_a_set_hold_the_truth_and_name_what_they_were_made_from(files, capsys):
    rows = predictions()
    settings = files(rows, labels(rows))
    found = counted(settings)
    assert (found["units"], found["labels"], found["pages"]) == (600, 120, 60)
    assert found["groups"] == found["notes"] == []
    for name, count in found["counts"].items():
        assert count["naive"] == sum(row["label"] == name for row in rows)
        assert count["low"] <= 200 <= count["high"]
        assert count["low"] < count["estimate"] < count["high"]
        alone = count["labels_only"]
        assert count["high"] - count["low"] < alone["high"] - alone["low"]
        assert count["to_halve"]["labels"] > 100
    assert found["inputs"]["labels"][0]["file"] == settings.labels
    assert len(found["inputs"]["predictions"][0]["sha256"]) == 64
    assert found["settings"]["by"] is None
    told = capsys.readouterr().err
    lines = [line for line in told.splitlines() if line.startswith(CLASSES)]
    assert len(lines) == len(CLASSES)
    assert "model alone" in lines[0]
    assert "labels alone" in lines[0]


def test_the_order_of_rows_makes_no_difference(files):
    rows = predictions()
    labelled = labels(rows)
    expected = counted(files(rows, labelled))["counts"]
    shuffled = random.Random(2).sample(rows, len(rows))
    again = counted(files(shuffled, labelled[::-1], "again.json"))["counts"]
    for name, count in expected.items():
        for figure in ("estimate", "low", "high", "naive"):
            assert again[name][figure] == pytest.approx(count[figure])


def test_counts_by_a_column_are_put_right_group_by_group(files):
    rows = predictions()
    found = counted(files(rows, labels(rows), by="outlet"))
    assert [group["value"] for group in found["groups"]] == [NASTY, "outlet 1", "outlet 2", "outlet 3"]
    assert sum(group["units"] for group in found["groups"]) == found["units"]
    assert sum(group["labels"] for group in found["groups"]) == found["labels"]
    for name in CLASSES:
        assert sum(group["counts"][name]["naive"] for group in found["groups"]) == found["counts"][name]["naive"]
        total = sum(group["counts"][name]["estimate"] for group in found["groups"])
        assert total == pytest.approx(found["counts"][name]["estimate"], rel=0.1)  # need not be the same
        for group in found["groups"]:
            true = sum(row["true"] == name and row["outlet"] == group["value"] for row in rows)
            assert group["counts"][name]["low"] <= true <= group["counts"][name]["high"]
    assert any("need not sum" in note for note in found["notes"])


def test_months_of_a_column_of_dates_are_groups(files):
    rows = predictions()
    rows[0]["published"] = "last Tuesday"
    del rows[1]["published"]
    found = counted(files(rows, labels(rows), by="published:month"))
    assert [group["value"] for group in found["groups"]] == [
        "(no date)",
        *(f"2024-{month:02}" for month in range(1, 13)),
    ]
    years = counted(files(rows, labels(rows), "years.json", by="published:year"))
    assert [group["value"] for group in years["groups"]] == ["(no date)", "2024"]


def test_a_group_without_a_label_has_no_count_and_one_with_few_pages_says_so(files):
    rows = predictions()
    labelled = labels(rows)
    seen = [row["article_id"] for row in labelled]
    for row in rows:
        row["outlet"] = "rare" if row["article_id"] in seen[:4] else "big"
    rows.append(rows[0] | {"id": "alone", "article_id": "alone", "outlet": "unseen"})
    found = counted(files(rows, labelled, by="outlet"))
    groups = {group["value"]: group for group in found["groups"]}
    assert groups["unseen"]["counts"]["attack"] == {
        **dict.fromkeys(("estimate", "low", "high", "weight", "to_halve")),
        "naive": sum(row["label"] == "attack" for row in rows if row["outlet"] == "unseen"),
        "found": 0,
        "labels_only": dict.fromkeys(("estimate", "low", "high")),
    }
    assert (groups["rare"]["borrowed"], groups["big"]["borrowed"], groups["unseen"]["borrowed"]) == (True, False, False)
    notes = " ".join(found["notes"])
    assert "1 of 3 groups have no label" in notes
    assert "fewer than 5 labelled pages" in notes


def test_chosen_labels_are_not_counted_with_but_are_known(files):
    rows = predictions()
    labelled = labels(rows)
    drawn = {row["id"] for row in labelled}
    chosen = [
        labels([row], 1, 1)[0] | {"drawn": "chosen", "sampling_probability": None}
        for row in rows
        if row["id"] not in drawn and row["true"] == "toll"
    ]
    without = counted(files(rows, labelled))
    found = counted(files(rows, [*labelled, *chosen], "with.json"))
    assert found["labels"] == without["labels"]
    assert found["chosen_labels"] == len(chosen)
    assert found["counts"]["attack"]["estimate"] == pytest.approx(without["counts"]["attack"]["estimate"])
    known = len(chosen) + sum(row["label"] == "toll" for row in labelled)
    assert found["counts"]["toll"]["low"] == pytest.approx(known)  # every unit of the class has been labelled


def test_classes_of_which_several_apply_are_counted_each_for_itself(files):
    rows, labelled = predictions(), labels(predictions())
    for row in rows:
        row["labels"] = ["attack", "toll"] if row["label"] == "toll" else []
        row["label"] = "attack" if row["label"] == "toll" else "none"
        row["probabilities"] = {"attack": 0.9, "toll": 0.8} if row["labels"] else {"attack": 0.2, "toll": 0.1}
    for row in labelled:
        row["labels"] = ["attack", "toll"] if row["label"] == "toll" else []
        row["label"] = "attack" if row["labels"] else "none"
    found = counted(files(rows, labelled))
    assert list(found["counts"]) == ["attack", "toll"]
    assert found["counts"]["toll"]["naive"] == sum("toll" in row["labels"] for row in rows)
    assert found["counts"]["toll"]["low"] <= 200 <= found["counts"]["toll"]["high"]
    assert found["counts"]["toll"]["found"] == found["counts"]["attack"]["found"]


def test_labels_that_an_input_row_held_are_not_taken_for_the_models(files):
    rows = predictions()
    expected = counted(files(rows, labels(rows)))["counts"]
    for row in rows:
        row["labels"] = ["attack"]
    assert counted(files(rows, labels(rows), "again.json"))["counts"] == expected


def test_tables_are_read_as_json_lines_are(files, tmp_path):
    rows = predictions()
    expected = counted(files(rows, labels(rows)))["counts"]
    flat = [
        {name: value for name, value in row.items() if name != "probabilities"}
        | {f"probability_{name}": value for name, value in row["probabilities"].items()}
        for row in rows
    ]
    with (tmp_path / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, flat[0])
        writer.writeheader()
        writer.writerows(flat)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat), tmp_path / "predictions.parquet")
    for ending in ("csv", "parquet"):
        settings = files(rows, labels(rows), f"{ending}.json")
        assert counted(replace(settings, predictions=str(tmp_path / f"predictions.{ending}")))["counts"] == expected


def test_a_table_of_counts_is_safe_to_open_and_holds_every_group(files):
    rows = predictions()
    path = audit(files(rows, labels(rows), "counts.csv", by="outlet"))
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(CLASSES) * 5
    assert {row["group"] for row in table} == {"", f"'{NASTY}", "outlet 1", "outlet 2", "outlet 3"}
    assert [row["class"] for row in table[:3]] == list(CLASSES)
    assert float(table[0]["low"]) <= 200 <= float(table[0]["high"])
    assert float(table[0]["labels_only_low"]) < float(table[0]["low"])


def test_the_page_shows_every_count_and_escapes_what_the_data_hold(files):
    rows = predictions()
    for row in rows:
        row["outlet"] = "<script>alert(1)</script>" if row["outlet"] == NASTY else row["outlet"]
    page = audit(files(rows, labels(rows), "counts.html", by="outlet")).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<svg") == len(CLASSES) * 5
    assert "600 units; 120 of them, on 60 pages" in page


def test_a_class_that_no_label_has_is_told_as_at_most(files, capsys):
    rows = predictions()
    labelled = [row | {"label": "other", "labels": ["other"]} for row in labels(rows) if row["label"] != "toll"]
    count = counted(files(rows, labelled))["counts"]["toll"]
    assert (count["found"], count["estimate"], count["low"]) == (0, 0, 0)
    assert "at most" in next(line for line in capsys.readouterr().err.splitlines() if line.startswith("toll"))


def test_drawn_units_without_a_label_or_without_a_prediction_are_told(files):
    rows = predictions()
    labelled = labels(rows)
    found = counted(files(rows, labelled[:100]))
    assert any("the labels stand for 500 of 600 units" in note for note in found["notes"])
    lost = {row["id"] for row in labelled[:7]}
    found = counted(files([row for row in rows if row["id"] not in lost], labelled, "lost.json"))
    assert found["missing_units"] == 7
    assert any("7 labelled units are not among the predictions" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, given: given[0].update(label="tol", labels=["tol"]), "'tol' is none of the predictions' classes"),
        (lambda rows, given: given.append(given[0] | {"coder": "ben", "label": "x"}), "label.py agree settle them"),
        (lambda rows, given: given[3].update(sampling_probability=None), "drawn=random without sampling_probability"),
        (lambda rows, given: given[3].update(sampling_probability=1.5), r"must lie in \(0, 1\]"),
        (lambda rows, given: [row.pop("label") for row in given], "holds no label"),
        (lambda rows, given: given[0].update(text="another"), "its hash differs"),
        (lambda rows, given: [row.update(drawn="chosen") for row in given], "none of 120 labels is of a unit drawn at"),
        (
            lambda rows, given: [row.update(id=f"x{row['id']}") for row in given],
            "none of its 120 units is among the 600",
        ),
        (lambda rows, given: given.__delitem__(slice(2, None)), "of 1 of the pages that were predicted"),
        (lambda rows, given: [row.update(text=f"{row['text']}!") for row in rows], "is not the one that was labelled"),
        (lambda rows, given: rows.extend(rows[:]), "stands twice in the predictions"),
        (lambda rows, given: rows[5].pop("probabilities"), "predictions.jsonl:6: no probabilities"),
        (lambda rows, given: rows[5].update(probabilities={"attack": 1.0}), "probabilities of other classes"),
        (lambda rows, given: rows[5]["probabilities"].update(toll=1.2), r"must lie in \[0, 1\]"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_line(files, tmp_path, change, message):
    rows = predictions()
    given = labels(rows)
    change(rows, given)
    with pytest.raises(UserError, match=message) as refused:
        audit(files(rows, given))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "counts.json").exists()


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (
            "outlets",
            "by=outlets: the predictions have no such column; there are article_id, decision, outlet",
        ),
        ("outlet:month", "no value of the column is a date"),
    ],
)
def test_a_column_that_does_not_serve_is_refused(files, by, message):
    rows = predictions()
    with pytest.raises(UserError, match=message):
        audit(files(rows, labels(rows), by=by))


def test_an_output_of_another_ending_or_that_is_there_is_refused(files, tmp_path):
    with pytest.raises(UsageError, match=r"output=.*counts.txt: must end in .json, .csv, .html"):
        files(predictions(), labels(predictions()), "counts.txt")
    (tmp_path / "counts.json").write_text("mine")
    with pytest.raises(UserError, match="overwrite=true replaces it"):
        audit(files(predictions(), labels(predictions())))


def test_the_command_counts(files, tmp_path, capsys):
    settings = files(predictions(), labels(predictions()))
    arguments = [f"{name}={getattr(settings, name)}" for name in ("predictions", "labels", "output")]
    run_command("label", ["audit", *arguments, "by=outlet"], "label.py", "label.py")
    assert (tmp_path / "counts.json").is_file()
    assert "4 groups" in capsys.readouterr().err
