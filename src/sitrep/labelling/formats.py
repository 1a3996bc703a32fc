"""Which functions write and read which format."""

from sitrep.labelling.doccano import project_labels, read_dataset, write_dataset
from sitrep.labelling.exchange import Exchange
from sitrep.labelling.label_studio import labelling_configuration, read_export, write_tasks
from sitrep.labelling.labelling_page import read_page_labels, write_page
from sitrep.labelling.prodigy import read_annotations, write_stream
from sitrep.labelling.sheets import read_csv, read_xlsx, write_csv, write_xlsx
from sitrep.settings.choices import LabelFormat

FILL_IN = "fill in the column label, and labels where other classes apply too"
EXCHANGES = {
    LabelFormat["label-studio"]: Exchange(
        ".json",
        write_tasks,
        read_export,
        "import it into a project, and paste the configuration into Settings > Labeling Interface > Code",
        beside=("-config.xml", labelling_configuration),
    ),
    LabelFormat.doccano: Exchange(
        ".jsonl",
        write_dataset,
        read_dataset,
        "import it into a project of text classification, and the labels on its page Labels",
        beside=("-labels.json", project_labels),
    ),
    LabelFormat.prodigy: Exchange(
        ".jsonl",
        write_stream,
        read_annotations,
        "prodigy mark DATASET FILE --view-id choice, with choice_style multiple and show_flag in prodigy.json",
    ),
    LabelFormat.csv: Exchange(".csv", write_csv, read_csv, FILL_IN, in_place=True),
    LabelFormat.xlsx: Exchange(".xlsx", write_xlsx, read_xlsx, FILL_IN, in_place=True, needs="openpyxl"),
    LabelFormat.page: Exchange(
        ".html", write_page, read_page_labels, "open it in a browser, label by the keyboard, and save with the key s"
    ),
}
"""By format."""
