import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
from conftest import TAXONOMY, WITHOUT_NONE, script
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitrep.data.own_labels import SampledUnit, read_labels, write_sample
from sitrep.errors import UserError
from sitrep.labelling.answers import check_answers
from sitrep.labelling.dealing import deal, shuffled
from sitrep.labelling.exchange import Answer, Assignment
from sitrep.labelling.formats import EXCHANGES
from sitrep.labelling.run import export_sample, import_labels
from sitrep.labels import Taxonomy
from sitrep.settings import ExportSampleSettings, ImportLabelsSettings
from sitrep.settings.choices import LabelFormat
from sitrep.storage.sent_texts import cell_text, reads_alike, showable

UNITS = [
    SampledUnit(f"p{n // 3}:{n}", f"p{n // 3}", n, f"text {n} of the page", ("a",), ("b", "c"), guess="boilerplate")
    for n in range(9)
]
FORMATS = pytest.mark.parametrize("form", list(EXCHANGES), ids=lambda form: form.name)
PATH = Path("back.csv")


def checked(answers, units=UNITS, taxonomy=TAXONOMY, **more):
    return check_answers(answers, units, taxonomy, PATH, **more)


def answer(number, label="none", place=None, **more):
    unit = UNITS[number]
    return Answer(place or f"back.csv:{number + 2}", unit.id, unit.text_hash, unit.text, label, **more)


def written(folder, form, units=UNITS, coder=None, show_guess=False, taxonomy=TAXONOMY):
    path = folder / f"sent{EXCHANGES[form].ending}"
    EXCHANGES[form].write(path, units, Assignment(taxonomy, coder, show_guess))
    return path


# The round trip.


@FORMATS
@pytest.mark.usefixtures("beside_each_other")
def test_texts_that_spoil_tables_come_back_byte_by_byte(tmp_path, form):
    bench = script("labelling")
    units = bench.nasty_units(200)
    labels, _ = bench.round_trip(tmp_path, units, form)
    assert sorted(map(bench.kept, labels), key=str) == sorted(map(bench.kept, bench.some_labels(units)), key=str)


@pytest.mark.slow
@FORMATS
@pytest.mark.usefixtures("beside_each_other")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=4, unique=True))
def test_any_texts_come_back_byte_by_byte(tmp_path, form, texts):
    bench = script("labelling")
    units = [SampledUnit(f"id {n}", "page", n, text, (text,), (text,)) for n, text in enumerate(texts)]
    labels, _ = bench.round_trip(tmp_path, units, form)
    assert sorted(map(bench.kept, labels), key=str) == sorted(map(bench.kept, bench.some_labels(units)), key=str)


@FORMATS
def test_the_guess_of_the_model_is_nowhere_unless_it_is_asked_for(tmp_path, form):
    units = [replace(unit, guess="guessed_label") for unit in UNITS]
    for show in (False, True):
        path = written(tmp_path, form, units, show_guess=show, taxonomy=Taxonomy({"a": "", "b": ""}))
        content = path.read_bytes()
        if form is LabelFormat.xlsx:
            content = str([list(sheet.values) for sheet in openpyxl.load_workbook(path)]).encode()
        assert (b"guessed_label" in content) is show


@FORMATS
def test_a_file_for_a_coder_says_whose_it_is(tmp_path, form):
    if form is LabelFormat.page:
        return  # asks for the name, and saves it
    path = written(tmp_path, form, coder="anna")
    for made in EXCHANGES[form].read(path):
        assert (made.dealt_to, made.annotator) == ("anna", None)


# Texts.


@pytest.mark.parametrize(
    ("returned", "sent"),
    [("a\nb", "a\r\nb"), ("a b ", "a  b"), ("a_x000D_\nb", "a\r\nb"), ("a␀b", "a\0b"), ("_x005F_x0041_", "_x0041_")],
)
def test_a_text_is_the_same_however_a_program_holds_its_white_space_and_control_characters(returned, sent):
    assert reads_alike(returned, sent)


@pytest.mark.parametrize(("returned", "sent"), [("five killed", "four killed"), ("four", "four killed"), ("…", "abc")])
def test_a_text_that_was_changed_is_told_from_the_one_sent(returned, sent):
    assert not reads_alike(returned, sent)


def test_a_text_longer_than_a_cell_is_cut_and_still_the_same_to_read():
    for text in ("word " * 9000, "\U0001f4a5" * 20_000):
        cell = cell_text(text)
        assert len(cell.encode("utf-16-le")) // 2 <= 32_767
        assert reads_alike(cell, text)
        assert not reads_alike(cell.replace("word", "work", 1).replace("\U0001f4a5", "!", 1), text)


@given(st.text(alphabet=st.characters(), max_size=20))
def test_a_text_to_show_is_one_that_xml_and_utf_8_hold(text):
    shown = showable(text)
    ElementTree.fromstring(f"<a>{shown.replace('&', '').replace('<', '')}</a>".encode())
    assert reads_alike(shown, text)


# What each program gives back.


def label_studio(tmp_path, tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return list(EXCHANGES[LabelFormat["label-studio"]].read(path))


def task(number, *annotations, **more):
    data = {"unit_id": UNITS[number].id, "text_hash": UNITS[number].text_hash, "text": UNITS[number].text}
    return {"id": 70 + number, "data": data, "annotations": list(annotations), **more}


def annotation(by, label, *labels, cancelled=False):
    results = [("label", [label]), ("labels", list(labels))]
    made = [{"from_name": name, "type": "choices", "value": {"choices": chosen}} for name, chosen in results if chosen]
    return {"completed_by": by, "was_cancelled": cancelled, "result": made}


def test_label_studio_with_several_annotators_gives_labels_of_each(tmp_path):
    first = task(0, annotation(1, "none"), annotation({"id": 2, "email": "ben@x.org"}, "boilerplate"))
    imported = checked(label_studio(tmp_path, [first, task(1, annotation(1, "none"))]))
    found = [(label.coder, label.unit.id, label.label) for label in imported.labels]
    assert found == [("1", "p0:0", "none"), ("1", "p0:1", "none"), ("ben@x.org", "p0:0", "boilerplate")]


def test_a_task_that_was_skipped_or_only_predicted_has_no_label(tmp_path):
    predicted = {"result": [{"from_name": "label", "value": {"choices": ["none"]}}]}
    skipped, labelled = annotation(1, "none", cancelled=True), annotation(1, "none")
    tasks = [task(0, skipped), task(1, predictions=[predicted]), task(2, labelled)]
    imported = checked(label_studio(tmp_path, tasks))
    assert [label.unit.id for label in imported.labels] == ["p0:2"]
    assert (imported.unlabelled, imported.absent) == (2, 6)


def test_an_export_that_holds_ids_and_no_texts_will_do(tmp_path):
    bare = task(0, annotation(1, "attack_description", "casualty_report"))
    bare["data"] = {"unit_id": UNITS[0].id}
    (label,) = checked(label_studio(tmp_path, [bare])).labels
    assert (label.unit, label.labels) == (UNITS[0], ("attack_description", "casualty_report"))


def test_json_min_is_read_though_its_id_is_label_studios_own(tmp_path):
    several, common = {"choices": ["casualty_report", "attack_description"]}, {"annotator": 3, "lead_time": 1.5}
    rows = [
        {**task(0)["data"], "id": 70, "label": "none", "unsure": "unsure", "comment": "hm", **common},
        {**task(1)["data"], "id": 71, "label": "casualty_report", "labels": several, **common},
        {**task(2)["data"], "id": 72, **common},
    ]
    imported = checked(label_studio(tmp_path, rows))
    assert [(x.label, x.labels, x.unsure, x.comment, x.coder) for x in imported.labels] == [
        ("none", (), True, "hm", "3"),
        ("casualty_report", ("attack_description", "casualty_report"), False, "", "3"),
    ]
    assert imported.unlabelled == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"id": 1, "annotations": [17]}]', "annotations are numbers only; export it as JSON or JSON-MIN"),
        ('[{"id": 1, "label": "none"}]', "export.json: task 1: no unit_id; it was not made of what scripts/label.py"),
        ("[17]", "export.json: task 1: is no task"),
        ("{", "export.json: not valid JSON"),
    ],
)
def test_what_label_studio_did_not_export_is_refused(tmp_path, content, message):
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(UserError, match=re.escape(message)):
        list(EXCHANGES[LabelFormat["label-studio"]].read(path))


def test_the_labelling_configuration_offers_every_label_with_its_meaning():
    _, made = EXCHANGES[LabelFormat["label-studio"]].beside
    odd = Taxonomy({'"quoted" & <odd>': "means $1 < $2", "none": ""}, negative="none", left_out=("unclear",))
    for taxonomy in (TAXONOMY, WITHOUT_NONE, odd):
        view = ElementTree.fromstring(made(taxonomy))
        one, several = view.findall("Choices[@toName='text']")[:2]
        assert (one.get("choice"), several.get("choice")) == ("single", "multiple")
        assert tuple(choice.get("value") for choice in one) == taxonomy.known
        assert tuple(choice.get("value") for choice in several) == taxonomy.classes
        hints = {choice.get("value"): choice.get("hint", "") for choice in one}
        assert hints == {label: taxonomy.meanings.get(label, "") for label in taxonomy.known}
        names = {text.get("name"): text.get("value") for text in view.findall("Text")}
        assert names == {name: f"${name}" for name in ("before", "text", "after")}


def json_lines(tmp_path, form, rows):
    path = tmp_path / "anna.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return list(EXCHANGES[form].read(path))


def test_doccano_files_a_unit_of_several_labels_under_the_first_by_precedence_and_knows_unsure(tmp_path):
    data = {"unit_id": UNITS[0].id, "text": UNITS[0].text}
    rows = [
        {"id": 5, **data, "label": ["attack_description", "casualty_report", "unsure"], "Comments": ["a", "b"]},
        {"id": 6, "data": UNITS[1].text, "label": ["none"], "meta": {"unit_id": UNITS[1].id}},  # older versions
        {"id": 7, "text": UNITS[2].text, "label": [], "unit_id": UNITS[2].id},
    ]
    imported = checked(json_lines(tmp_path, LabelFormat.doccano, rows))
    assert [(x.label, x.labels, x.unsure, x.comment) for x in imported.labels] == [
        ("casualty_report", ("attack_description", "casualty_report"), True, "a\nb"),
        ("none", (), False, ""),
    ]
    assert imported.unlabelled == 1


def test_doccano_gets_the_labels_of_its_project():
    _, made = EXCHANGES[LabelFormat.doccano].beside
    assert [label["text"] for label in json.loads(made(TAXONOMY))] == [*TAXONOMY.known, "unsure"]
    assert [label["text"] for label in json.loads(made(Taxonomy({"sure": "", "unsure": ""})))] == ["sure", "unsure"]


def test_prodigy_gives_labels_of_accepted_tasks_by_annotator(tmp_path):
    data = {"unit_id": UNITS[0].id, "text": UNITS[0].text, "accept": ["none"], "_annotator_id": "set-anna"}
    rows = [
        {**data, "answer": "accept", "flagged": True, "comment": "hm"},
        {**data, "answer": "accept", "_annotator_id": "set-ben", "accept": ["boilerplate"]},
        {**data, "unit_id": UNITS[1].id, "text": UNITS[1].text, "answer": "reject"},
        {**data, "unit_id": UNITS[2].id, "text": UNITS[2].text, "answer": "ignore"},
    ]
    imported = checked(json_lines(tmp_path, LabelFormat.prodigy, rows))
    assert [(x.coder, x.label, x.unsure, x.comment) for x in imported.labels] == [
        ("set-anna", "none", True, "hm"),
        ("set-ben", "boilerplate", False, ""),
    ]
    assert imported.unlabelled == 2


def test_a_prodigy_task_has_the_options_of_the_choice_interface(tmp_path):
    path = written(tmp_path, LabelFormat.prodigy)
    first = json.loads(path.read_text().splitlines()[0])
    assert [option["id"] for option in first["options"]] == list(TAXONOMY.known)
    assert not [name for name in first if name.startswith("_")]  # hashes are Prodigy's own


@pytest.mark.parametrize("form", [LabelFormat.doccano, LabelFormat.prodigy], ids=lambda form: form.name)
def test_rows_of_something_else_are_refused_with_their_line(tmp_path, form):
    with pytest.raises(UserError, match=r"anna.jsonl:1: no unit_id; it was not made of what scripts/label.py exported"):
        json_lines(tmp_path, form, [{"id": 1, "text": "x", "label": ["none"]}])


# Spreadsheets.


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_as_spreadsheets_save_it_sorted_and_with_other_columns(tmp_path, delimiter, encoding, end):
    path = written(tmp_path, LabelFormat.csv)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {"my notes": "x;y", "label": " Casualty_Report ", "labels": "attack_description", "unsure": "X"}
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, sorted(rows[0]), delimiter=delimiter, lineterminator=end)
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["text"], reverse=True))
        file.write(delimiter * (len(rows[0]) - 1) + end)
    imported = checked(EXCHANGES[LabelFormat.csv].read(path))
    assert [label.unit for label in imported.labels] == UNITS
    classes = ("attack_description", "casualty_report")
    assert {(x.label, x.labels, x.unsure) for x in imported.labels} == {("casualty_report", classes, True)}


def test_an_id_or_hash_that_a_spreadsheet_made_a_number_or_a_time_of_is_known_by_the_rest():
    units = [replace(UNITS[0], id="12:30", text="a b"), replace(UNITS[1], id="0012", text="c d")]
    answers = [
        Answer("s:2", "12:30:00", units[0].text_hash, "a b", "none"),
        Answer("s:3", "12", units[1].text_hash, "c d", "none"),
    ]
    assert [label.unit for label in checked(answers, units).labels] == units
    mangled = Answer("s:2", "12:30", "1,23457E+15", "a b", "none")
    assert checked([mangled], units).labels[0].unit == units[0]


def test_a_workbook_offers_the_labels_keeps_its_header_in_sight_and_says_what_they_mean(tmp_path):
    book = openpyxl.load_workbook(written(tmp_path, LabelFormat.xlsx))
    sheet, codebook = book.worksheets
    header = [cell.value for cell in sheet[1]]
    assert header == ["id", "text_hash", "before", "text", "after", "label", "labels", "unsure", "comment"]
    assert sheet.freeze_panes == "A2"
    rule = next(rule for rule in sheet.data_validations.dataValidation if "F2" in rule.sqref)
    assert (rule.type, str(rule.sqref), rule.formula1) == ("list", "F2:F10", "codebook!$A$2:$A$6")
    assert {label: meaning for label, meaning, _ in list(codebook.values)[1:]} == TAXONOMY.meanings
    assert all(cell.alignment.wrap_text for row in sheet.iter_rows(max_col=5) for cell in row)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "#N/A", "1e5", "2024-01-05"])
def test_no_cell_of_a_workbook_is_anything_but_text(tmp_path, text):
    units = [SampledUnit(text, "p", 0, text, (text,), (text,))]
    sheet = openpyxl.load_workbook(written(tmp_path, LabelFormat.xlsx, units)).worksheets[0]
    cells = {column: sheet.cell(2, place) for place, column in enumerate(("id", "text_hash", "before", "text"), 1)}
    assert [cells[name].value for name in ("id", "before", "text")] == [text] * 3
    assert {cells[name].data_type for name in ("id", "before", "text")} == {"s"}


def test_numbers_and_empty_rows_of_a_workbook_are_read_as_the_coder_means_them(tmp_path):
    units = [replace(UNITS[0], id="7")]
    path = written(tmp_path, LabelFormat.xlsx, units)
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    sheet["A2"], sheet["F2"], sheet["H2"] = 7.0, "none", False
    sheet["A9"] = " "
    book.save(path)
    (label,) = checked(EXCHANGES[LabelFormat.xlsx].read(path), units).labels
    assert (label.unit.id, label.label, label.unsure) == ("7", "none", False)


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        (LabelFormat.csv, b"id,text\na,b\n", "no column 'label'; there are 'id', 'text'; keep those"),
        (LabelFormat.csv, b"id,label\n\xe9,none\n", "is not UTF-8; save the file as UTF-8"),
        (LabelFormat.csv, b"", "the file is empty"),
        (LabelFormat.xlsx, b"id,label\na,none\n", "is no workbook of the format .xlsx; save it as such"),
    ],
)
def test_what_is_no_sheet_is_refused_in_one_line(tmp_path, form, content, message):
    path = tmp_path / f"back{EXCHANGES[form].ending}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(message)):
        list(EXCHANGES[form].read(path))


def test_a_workbook_that_is_said_to_be_csv_is_told(tmp_path):
    path = written(tmp_path, LabelFormat.xlsx)
    with pytest.raises(UserError, match="is a workbook and no CSV; set format=xlsx"):
        list(EXCHANGES[LabelFormat.csv].read(path))


def test_a_workbook_without_the_columns_is_refused(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["id", "text"])
    book.save(tmp_path / "back.xlsx")
    with pytest.raises(UserError, match="no sheet has the columns id and label in its first row"):
        list(EXCHANGES[LabelFormat.xlsx].read(tmp_path / "back.xlsx"))


# Checks, the same for all.


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([answer(0), Answer("back.csv:9", "zz")], "back.csv:9: the unit 'zz' is not in the sample"),
        ([Answer("a", "x"), Answer("b", "y")], "back.csv: none of its 2 ids is in the sample; it was made of another"),
        ([replace(answer(0), text="other")], "back.csv:2: the text of p0:0 was changed; put back what the sample"),
        ([replace(answer(0), text_hash="0" * 16)], "back.csv:2: p0:0 has another text in the sample"),
        ([answer(0, "death")], "back.csv:2: there is no label 'death'. There are attack_description,"),
        ([answer(0, "casualty reports")], "there is no label 'casualty reports'; 'casualty_report' perhaps?"),
        ([answer(0), answer(0, place="back.csv:7")], "back.csv:7: back labelled p0:0 twice, also at back.csv:2; keep"),
        ([answer(0, None), answer(1, None)], "back.csv: none of its 2 units has a label"),
        ([], "back.csv: holds no units"),
        ([answer(0, None, labels=("none", "casualty_report"))], "none stands beside casualty_report; keep one of both"),
        ([answer(0, "boilerplate", labels=("casualty_report",))], "p0:0: labels are .* boilerplate excludes the other"),
        (
            [answer(n, "x") for n in range(8)],
            r"back.csv:2: there is no label .* \(7 more: back.csv:3, .*back.csv:7, …\)",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_row(answers, message):
    with pytest.raises(UserError, match=message) as error:
        checked(answers)
    assert "\n" not in str(error.value)


def test_units_without_a_label_and_those_that_are_missing_are_counted():
    imported = checked([answer(0), answer(1, None), answer(2, None, comment="?")])
    assert (len(imported.labels), imported.unlabelled, imported.absent) == (1, 2, 6)


def test_labels_come_in_the_order_of_the_sample_whatever_that_of_the_file():
    imported = checked(map(answer, [4, 0, 8, 2]))
    assert [label.unit.position for label in imported.labels] == [0, 2, 4, 8]


@pytest.mark.parametrize(
    ("coder", "dealt_to", "annotators", "expected"),
    [
        (None, None, (None, None), {"back"}),
        (None, None, ("1", "1"), {"1"}),
        (None, "anna", ("1", "1"), {"anna"}),
        (None, "anna", ("1", "2"), {"1", "2"}),
        ("eva", "anna", ("1", "1"), {"eva"}),
    ],
)
def test_the_coder_is_whom_the_command_then_the_file_names(coder, dealt_to, annotators, expected):
    answers = [answer(n, annotator=by, dealt_to=dealt_to) for n, by in enumerate(annotators)]
    assert set(checked(answers, coder=coder).coders) == expected


def test_one_name_for_the_labels_of_two_coders_is_refused():
    answers = [answer(0, annotator="1"), answer(1, annotator="2")]
    with pytest.raises(UserError, match=r"coder=eva: back.csv holds labels of 1, 2; leave the setting out"):
        checked(answers, coder="eva")


def test_labels_of_a_taxonomy_without_negative_or_with_labels_left_out_are_known():
    (label,) = checked([answer(0, "none")], taxonomy=WITHOUT_NONE).labels
    assert (label.label, label.labels) == ("none", ())
    own = Taxonomy({"Flood": "", "flood": "", "Fire": ""})
    assert checked([answer(0, "fire")], taxonomy=own).labels[0].label == "Fire"
    with pytest.raises(UserError, match="there is no label 'FLOOD'"):
        checked([answer(0, "FLOOD")], taxonomy=own)


# Who gets what.


def pages_of(units):
    return [unit.article_id for unit in units]


@pytest.mark.parametrize("overlap", [0, 0.2, 0.5, 1])
def test_coders_share_the_overlap_and_get_the_other_pages_whole_and_evenly(overlap):
    units = [SampledUnit(f"{page}:{n}", f"{page}", n, "x") for page in range(50) for n in range(1 + page % 3)]
    dealt = deal(units, ["anna", "ben", "eva"], overlap, seed=1)
    ids = {coder: {unit.id for unit in got} for coder, got in dealt.items()}
    shared = set.intersection(*ids.values())
    assert overlap * len(units) <= len(shared) <= overlap * len(units) + 3
    assert set.union(*ids.values()) == {unit.id for unit in units}
    rest = [got - shared for got in ids.values()]
    assert sum(map(len, rest)) == len(units) - len(shared)
    assert max(map(len, rest)) - min(map(len, rest)) <= 3
    pages = [{name.partition(":")[0] for name in got} for got in rest]
    assert sum(map(len, pages)) == len(set.union(*pages))


def test_pages_are_shuffled_and_the_units_of_each_stay_together_in_their_order():
    units = [SampledUnit(f"{page}:{n}", f"{page}", n, "x") for n in range(3) for page in range(20)]
    order = shuffled(units, seed=1)
    pages = list(dict.fromkeys(pages_of(order)))
    assert pages_of(order) == [page for page in pages for _ in range(3)]
    assert [unit.position for unit in order] == [0, 1, 2] * 20
    assert pages != sorted(pages, key=int)
    assert shuffled(units, seed=1) == order
    assert shuffled(units, seed=1, coder="anna") != order != shuffled(units, seed=2)


# The whole commands.


def exported(tmp_path, form, **more):
    write_sample(tmp_path / "sample.jsonl", UNITS, overwrite=True)
    output = tmp_path / f"out{EXCHANGES[form].ending}"
    export_sample(ExportSampleSettings(str(tmp_path / "sample.jsonl"), form, str(output), **more))
    return output


def test_two_coders_get_a_file_each_and_what_they_fill_in_is_theirs(tmp_path, capsys):
    output = exported(tmp_path, LabelFormat.csv, coders=["anna", "ben"], overlap=0.3)
    assert not output.exists()
    assert "3 of 9 units are in every file, so that agreement can be measured" in capsys.readouterr().err
    for coder in ("anna", "ben"):
        path = tmp_path / f"out-{coder}.csv"
        path.write_text(path.read_text("utf-8-sig").replace(f",,,,,{coder}", f",none,,,,{coder}"), "utf-8")
        labels = tmp_path / f"{coder}.jsonl"
        import_labels(ImportLabelsSettings(str(path), LabelFormat.csv, str(tmp_path / "sample.jsonl"), str(labels)))
        assert {label.coder for label in read_labels(labels, TAXONOMY)} == {coder}
    said = capsys.readouterr().err
    assert "6 units labelled by anna\nnone 6\nof the sample, but not in this file: 3\n" in said


@FORMATS
def test_a_file_of_another_ending_is_refused(tmp_path, form):
    write_sample(tmp_path / "sample.jsonl", UNITS)
    with pytest.raises(UserError, match=f"out.doc: format={form.name} writes files that end with"):
        export_sample(ExportSampleSettings(str(tmp_path / "sample.jsonl"), form, str(tmp_path / "out.doc")))


def test_nothing_is_written_where_one_of_the_files_exists(tmp_path):
    (tmp_path / "out-ben.csv").write_text("mine")
    with pytest.raises(UserError, match=r"out-ben.csv: exists already and was kept"):
        exported(tmp_path, LabelFormat.csv, coders=["anna", "ben"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-ben.csv", "sample.jsonl"]


@pytest.mark.parametrize("coders", [["anna", "anna"], [""], ["a/b"]])
def test_a_coder_needs_a_name_of_his_own_that_a_file_may_have(coders):
    with pytest.raises(UserError, match="every coder has a name of its own, that a file may have"):
        ExportSampleSettings("sample.jsonl", LabelFormat.csv, "out.csv", coders=coders)


def test_a_guess_of_another_taxonomy_is_told_and_not_shown(tmp_path, capsys):
    taxonomy = tmp_path / "mine.yaml"
    taxonomy.write_text("labels: [flood, fire]")
    exported(tmp_path, LabelFormat.csv, labels=str(taxonomy))
    assert "the model guesses 'boilerplate', which is no label of labels=" in capsys.readouterr().err
    with pytest.raises(UserError, match="the model's guess 'boilerplate' is none of them; name its taxonomy"):
        exported(tmp_path, LabelFormat.csv, labels=str(taxonomy), show_guess=True, overwrite=True)


def test_a_failed_import_writes_nothing(tmp_path):
    path = exported(tmp_path, LabelFormat.csv)
    output = tmp_path / "labels.jsonl"
    with pytest.raises(UserError, match="none of its 9 units has a label"):
        import_labels(ImportLabelsSettings(str(path), LabelFormat.csv, str(tmp_path / "sample.jsonl"), str(output)))
    assert not output.exists()
