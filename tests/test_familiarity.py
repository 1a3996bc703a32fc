import base64
import json
import shutil
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from conftest import PROJECT, word_tokenizer, write_jsonl

from sitrep.adaptation.adapted_checkpoint import accustomed
from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.errors import UserError
from sitrep.evaluation.run import evaluate
from sitrep.inference.outputs import as_row
from sitrep.inference.predictor import WINDOW, Predictor
from sitrep.inference.run import predict
from sitrep.labels import shipped_taxonomy
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.encoding import InputEncoder
from sitrep.model.familiarity import (
    FALSE_ALARMS,
    FAMILIARITY,
    LEAST_PAGES,
    LEAST_PIECES,
    Familiarity,
    fit_familiarity,
    read_familiarity,
)
from sitrep.model.packaged import packaged_minilm
from sitrep.model.tokenizer import TextTokenizer
from sitrep.pages.passages import article_passages
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import Context, DataSettings, EvaluateSettings, PredictSettings

COMMON, RARE = range(3, 100), range(500, 900)


def encoder(context=Context.none):
    return InputEncoder(word_tokenizer(), context, 64, 64)


def text_of(rng, rare, words=20):
    """A sentence of ``words`` words, of which about the share ``rare`` stand in no other page."""
    return " ".join(str(rng.choice(RARE if rng.random() < rare else COMMON)) for _ in range(words))


def training(pages=60, sentences=6, rare=0.02):
    rng = np.random.default_rng(0)
    return [
        LabelledSentence(text_of(rng, rare), "none", ("none",), f"{page}-{place}", f"p{page}", place)
        for page in range(pages)
        for place in range(sentences)
    ]


def far(fitted, pages, context=Context.none):
    """Whether each page, a list of sentences, is unfamiliar."""
    given = [(f"a{number}", text) for number, page in enumerate(pages) for text in page]
    tokens, _ = encoder(context).tokenize([text for _, text in given])
    names = [name for name, _ in given]
    return list(dict(zip(names, fitted.unfamiliar(tokens, names, word_tokenizer()), strict=True)).values())


@pytest.mark.parametrize("context", [Context.none, Context.article])
def test_pages_of_new_words_are_unfamiliar_and_pages_like_those_of_training_are_not(context):
    fitted = fit_familiarity(encoder(context), training())
    rng = np.random.default_rng(1)
    alike = [[text_of(rng, 0.02) for _ in range(6)] for _ in range(200)]
    others = [[text_of(rng, 0.4) for _ in range(6)] for _ in range(50)]
    assert sum(far(fitted, alike, context)) <= 8
    assert all(far(fitted, others, context))


def own_pages(rng, count, rare, sentences=40):
    """Pages of a user, whose shares of new words differ, as lists of sentences."""
    return [[text_of(rng, share) for _ in range(sentences)] for share in rng.beta(rare * 50, (1 - rare) * 50, count)]


@pytest.mark.parametrize(("rare", "far_more"), [(0.15, 0.45), (0.3, 0.7)])
@pytest.mark.parametrize("lines_around", [True, False])
def test_whole_pages_like_the_labelled_ones_are_familiar_and_pages_of_far_more_new_words_are_not(
    rare, far_more, lines_around
):
    fitted = fit_familiarity(encoder(), training())
    rng = np.random.default_rng(5)
    units = []
    for number, page in enumerate(own_pages(rng, 60, rare)):
        for place in (7, 22):
            around = {"before": page[place - 2 : place], "after": page[place + 1 : place + 3]} if lines_around else {}
            units.append(LabelledSentence(page[place], "none", (), f"{number}-{place}", f"p{number}", place, around))
    assert not any(far(fitted, [[unit.text] for unit in units]))  # too short to tell
    found = accustomed(fitted, encoder(), units)
    fresh = own_pages(rng, 300, rare)
    assert sum(far(fitted, fresh)) > 200
    assert sum(far(found, fresh)) <= 300 * 2 * FALSE_ALARMS
    assert sum(far(found, own_pages(rng, 100, far_more))) >= 95


def test_after_labels_of_pages_like_those_of_training_other_pages_are_as_unfamiliar_as_before():
    fitted = fit_familiarity(encoder(), training())
    units = [unit for unit in training() if unit.position < 2]
    found = accustomed(fitted, encoder(), units)
    others = [[text_of(np.random.default_rng(number), 0.2) for _ in range(6)] for number in range(50)]
    assert all(far(fitted, others))
    assert all(far(found, others))
    assert accustomed(found, encoder(), units) == found  # the same labels twice say nothing more


def test_marks_of_a_sentence_are_not_counted_so_that_context_changes_no_figure():
    assert fit_familiarity(encoder(Context.none), training()) == fit_familiarity(encoder(Context.article), training())


def test_a_page_too_short_to_tell_is_not_unfamiliar():
    fitted = fit_familiarity(encoder(), training())
    words = [str(number) for number in RARE]
    assert far(fitted, [[" ".join(words[: LEAST_PIECES - 1])], [" ".join(words[:LEAST_PIECES])]]) == [False, True]


def test_a_few_new_words_in_a_short_page_say_less_than_the_same_share_in_a_long_one():
    fitted = fit_familiarity(encoder(), training(rare=0.05))
    usual, new = [str(number) for number in COMMON], [str(number) for number in RARE]
    page = [" ".join(usual[:17] + new[:3]), " ".join(usual[20:37] + new[3:6])]
    tokens, _ = encoder().tokenize(page * 10)
    short, long = ["s"] * 2 + ["x"] * 18, ["l"] * 20
    assert fitted.excess(tokens, short, word_tokenizer())[0] < fitted.excess(tokens, long, word_tokenizer())[0]


def test_shares_of_training_pages_are_counted_without_their_own_words():
    own = [replace(unit, text=" ".join(str(100 + int(unit.article_id[1:]))for _ in range(20)))
           if unit.position == 0 else unit for unit in training()]  # fmt: skip
    fitted = fit_familiarity(encoder(), own)
    assert fitted.share > 1 / 6  # the sixth of each page that no other page has


def test_pieces_of_few_pages_are_not_kept():
    units = training()
    known = np.unpackbits(np.frombuffer(base64.b64decode(fit_familiarity(encoder(), units).known), np.uint8))
    holders = defaultdict(set)
    for unit in units:
        for word in unit.text.split():
            holders[int(word)].add(unit.article_id)
    assert {number for number in range(3, len(known)) if known[number]} == {
        number for number, pages in holders.items() if len(pages) >= 5
    }


def test_words_that_the_tokenizer_does_not_know_are_never_known():
    fitted = fit_familiarity(encoder(), [replace(unit, text=f"{unit.text} 🔥") for unit in training()])
    assert far(fitted, [["огонь по мосту и по городу"] * 6]) == [True]


def test_nothing_is_said_where_training_has_too_few_pages_or_no_article_is_given():
    assert fit_familiarity(encoder(), training(pages=LEAST_PAGES - 1)) is None
    assert fit_familiarity(encoder(), training(pages=LEAST_PAGES)) is not None
    alone = [replace(unit, article_id=unit.id) for unit in training()]
    assert fit_familiarity(encoder(), alone) is None  # each is shorter than what can be told
    assert fit_familiarity(encoder(), training(rare=0)) is None  # no new word on any page


def test_it_comes_back_from_its_file_as_it_was(tmp_path):
    fitted = fit_familiarity(encoder(), training())
    fitted.write(tmp_path)
    assert read_familiarity(tmp_path) == fitted
    assert read_familiarity(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 9}, "version 9, this program reads 1"),
        ({"share": None}, "share must be a number, not None"),
        ({"share": 1.5}, "share and correlation must lie between 0 and 1, limit above 0"),
        ({"limit": -1.0}, "limit above 0"),
        ({"limit": float("nan")}, "limit must be a number"),
        ({"known": "?"}, "known must be Base64"),
        ({"known": ""}, "known must hold a bit for each word piece"),
        ({"other": 1}, "unexpected keyword argument 'other'"),
    ],
)
def test_damaged_file_is_named(tmp_path, change, told):
    content = {"known": "/w==", "share": 0.1, "correlation": 0.01, "limit": 3.0, "version": 1}
    (tmp_path / FAMILIARITY).write_text(json.dumps(content | change))
    with pytest.raises(UserError, match=f"{FAMILIARITY}: .*{told}".replace("?", r"\?")):
        read_familiarity(tmp_path)


@pytest.fixture
def knowing(run_directory, tmp_path):
    """The toy checkpoint, which accepts everything, and knows the first 40 pieces of its vocabulary only."""
    folder = shutil.copytree(run_directory / "checkpoint", tmp_path / "checkpoint")
    record = json.loads((folder / "sitrep.json").read_text())
    del record["files"]["validation.json"]
    (folder / "sitrep.json").write_text(json.dumps(record))
    validation = json.loads((folder / "validation.json").read_text())
    validation["acceptance_thresholds"] = dict.fromkeys(validation["labels"], 0.0)
    (folder / "validation.json").write_text(json.dumps(validation))
    tokenizer = TextTokenizer.from_folder(folder)
    pieces = tokenizer.encode(["shells hit the bridge, four were killed"], 64, True)[0][0]
    bits = np.zeros(tokenizer.tokenizer.get_vocab_size(), dtype=bool)
    bits[pieces] = True
    Familiarity(base64.b64encode(np.packbits(bits).tobytes()).decode(), 0.05, 0.01, 3.0).write(folder)
    return folder


USUAL = "Shells hit the bridge, four were killed.\n" * 8
RECIPE = "Whisk the egg whites with caster sugar until stiff.\nFold in almonds and bake for forty minutes.\n" * 4


def test_what_is_far_from_training_is_never_accepted_and_its_label_stays(knowing):
    predictor = Predictor.from_checkpoint(knowing, precision="fp32")
    given = [*article_passages(USUAL, "usual"), *article_passages(RECIPE + "Снаряды попали в мост.", "cake")]
    found = list(predictor.predict(given))
    usual, cake = [p for p in found if p.passage.article_id == "usual"], found[8:]
    assert {(p.decision, p.unfamiliar) for p in usual} == {("accept", None)}
    assert [(p.decision, p.unfamiliar) for p in cake] == [("review", "vocabulary")] * 8 + [("review", "other_script")]
    predictor.familiarity = None
    assert [p.label for p in predictor.predict(given)] == [p.label for p in found]


def test_without_the_statistic_everything_is_as_before(knowing):
    (knowing / FAMILIARITY).unlink()
    predictor = Predictor.from_checkpoint(knowing, precision="fp32")
    found = list(predictor.predict(article_passages(RECIPE, "cake")))
    assert {(p.decision, p.unfamiliar) for p in found} == {("accept", None)}


@pytest.mark.slow
def test_a_stream_stays_a_stream(knowing):
    predictor = Predictor.from_checkpoint(knowing, precision="fp32")
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield Passage(str(taken), str(taken // 10), taken, 0, 1, "whisk sugar and eggs", {})

    assert next(predictor.predict(endless())).unfamiliar == "vocabulary"
    assert taken <= 3 * WINDOW + 1  # one that is used, one that waits, one that is being read


@pytest.mark.parametrize(
    ("calibrated", "outcome"), [("true", "they are marked review"), ("false", "their labels are less sure")]
)
def test_run_says_in_one_line_how_much_is_unlike_training_and_what_to_do(
    knowing, tmp_path, capsys, calibrated, outcome
):
    pages = [{"article_id": "u", "text": line} for line in USUAL.splitlines()]
    pages += [{"article_id": f"c{n}", "text": line} for n in (1, 2) for line in RECIPE.splitlines()]
    source = write_jsonl(tmp_path / "rows.jsonl", pages)
    fixed = [f"checkpoint={knowing}", f"input={source}", f"output={tmp_path / 'out.csv'}", f"calibrated={calibrated}"]
    predict(compose_settings("predict", PredictSettings, [*fixed, "inference.precision=fp32"]))
    said = capsys.readouterr().err
    [line] = [line for line in said.splitlines() if "unlike the training data" in line]
    assert line.startswith("16 of 24 sentences stand on 2 pages unlike the training data, by their words")
    assert outcome in line
    assert f"scripts/label.py select input={source} n=150, label them" in said
    assert "unfamiliar" in (tmp_path / "out.csv").read_text().splitlines()[0].split(",")


def test_a_job_in_parts_says_the_same_of_all_its_parts(knowing, tmp_path, capsys):
    pages = [{"article_id": "u", "text": line} for line in USUAL.splitlines()]
    pages += [{"article_id": f"c{n}", "text": line} for n in (1, 2) for line in RECIPE.splitlines()]
    source = write_jsonl(tmp_path / "rows.jsonl", pages)
    fixed = [f"checkpoint={knowing}", f"input={source}", f"output={tmp_path / 'job'}/", "parts=jsonl"]
    predict(compose_settings("predict", PredictSettings, [*fixed, "inference.precision=fp32", "part_sentences=8"]))
    assert len(list((tmp_path / "job").glob("part-*.jsonl"))) == 3
    assert "16 of 24 sentences stand on 2 pages unlike the training data" in capsys.readouterr().err


def test_a_field_of_that_name_in_the_input_is_kept_beside_ours(knowing, tmp_path, capsys):
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": "Four were killed", "unfamiliar": "theirs"}])
    fixed = [f"checkpoint={knowing}", f"input={source}", "output=-", "inference.precision=fp32"]
    predict(compose_settings("predict", PredictSettings, fixed))
    found = json.loads(capsys.readouterr().out)
    assert (found["unfamiliar"], found["input_unfamiliar"]) == (None, "theirs")


@pytest.mark.slow
def test_a_checkpoint_that_was_trained_on_enough_pages_holds_it_under_its_hash(trained_on_pages):
    checkpoint = open_checkpoint(str(trained_on_pages))
    assert checkpoint.familiarity is not None
    assert FAMILIARITY in checkpoint.record.files
    text = (checkpoint.folder / FAMILIARITY).read_text()
    assert len(text) < 20_000
    found = Predictor.from_checkpoint(checkpoint).predict(article_passages(RECIPE, "cake"))
    assert {as_row(p)["unfamiliar"] for p in found} == {"vocabulary"}


@pytest.fixture(scope="module", params=["", "task=multi_label", "model.context=article"])
def trained_on_pages(request, tmp_path_factory):
    from conftest import rows, train_settings

    from sitrep.training.run import train

    folder = tmp_path_factory.mktemp("pages")
    source = write_jsonl(folder / "toy.jsonl", rows(60))
    return train(train_settings(source, folder / "run", *filter(None, [request.param])))


@pytest.mark.slow
def test_pages_of_other_kinds_are_found_and_hardly_a_page_of_the_corpus_is():
    split = load_data(DataSettings(), shipped_taxonomy("five")).split
    reader = InputEncoder(TextTokenizer.from_folder(packaged_minilm()), Context.none, 256, 256)
    fitted = fit_familiarity(reader, split.train)

    def share(units):
        names = [unit.article_id for unit in units]
        found = fitted.unfamiliar(reader.tokenize([unit.text for unit in units])[0], names, reader.tokenizer)
        return sum(dict(zip(names, found, strict=True)).values()) / len(set(names))

    lines = (PROJECT / "tests" / "data" / "pages_of_other_kinds.jsonl").read_text(encoding="utf-8").splitlines()
    others = [p for page in map(json.loads, lines) for p in article_passages(page["text"], page["id"])]
    assert share([*split.validation, *split.test]) <= 0.031  # 6 of 198
    assert share(others) >= 0.54  # 13 of 24


def test_a_report_on_strange_pages_names_the_next_step(knowing, tmp_path):
    strange = [{"article_id": f"c{n}", "text": line, "label": "none"} for n in (1, 2) for line in RECIPE.splitlines()]
    usual = [{"article_id": "u", "text": line, "label": "none"} for line in USUAL.splitlines()]
    notes = {}
    for name, content in (("strange", [*strange, *usual]), ("usual", usual)):
        file = write_jsonl(tmp_path / f"{name}.jsonl", content)
        overrides = [f"checkpoint={knowing}", f"data.test_files=[{file}]", f"output_dir={tmp_path / name}"]
        evaluate(compose_settings("evaluate", EvaluateSettings, [*overrides, "behaviour=false", "training_data=none"]))
        notes[name] = " ".join(json.loads((tmp_path / name / "metrics.json").read_text())["notes"])
    assert "16 of 24 units stand on pages unlike the training data" in notes["strange"]
    assert "150 labels of such pages can back a precision of 0.95" in notes["strange"]
    assert "scripts/label.py" not in notes["usual"]
