"""Labelling as a plain function on Arrow tables, for programs that cut their data into batches themselves."""

import tempfile
from pathlib import Path
from typing import Any

from sitrep.errors import Refuse, stop
from sitrep.inference.arrow_columns import types_of
from sitrep.inference.outputs import open_part
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.predictor import Predictor
from sitrep.inference.row_passages import RowReader
from sitrep.sentences import carried_fields
from sitrep.settings import JoinLines, Unit
from sitrep.settings.rules import member
from sitrep.storage.parquet_rows import arrow_rows
from sitrep.storage.tables import TableRow


def label_batch(
    table: Any,
    predictor: Predictor,
    *,
    unit: str | Unit = Unit.sentence,
    text_field: str = "text",
    html_field: str | None = None,
    join_lines: str | JoinLines = JoinLines.auto,
    name: str = "batch",
    schema: Any = None,
    refuse: Refuse = stop,
) -> Any:
    """Label the rows of an Arrow table, as ``scripts/predict.py`` labels those of a Parquet file.

    Pages have to be whole: rows of one ``article_id`` that lie in several batches are read as several articles. Rows
    without an ``id`` are numbered within the batch.

    Args:
        table: A ``pyarrow.Table`` or ``pyarrow.RecordBatch``.
        predictor: Loaded once a process.
        unit: What a row holds: one ``sentence``, or a whole ``article`` to be cut into sentences.
        text_field: Column that holds the text.
        html_field: Column that holds a page; ``None``: ``html``, where there is no ``text_field``.
        join_lines: ``auto`` or ``never``, as the setting of that name.
        name: What rows are named after that bring no id, and what errors call the table.
        schema: Of the result, as an earlier one has it, so that all batches have the same columns; what fits none goes
            into the last, ``extra``. ``None``: the columns are those of this table.
        refuse: Told of each row that cannot be read; by default the first one ends the work.

    Returns:
        A ``pyarrow.Table`` of the columns and values that ``scripts/predict.py`` writes into Parquet, a row a sentence;
        without rows and ``schema``, one without columns.

    Raises:
        UserError: For a row that cannot be read, unless ``refuse`` returns.
    """
    import pyarrow
    from pyarrow import parquet

    whole = pyarrow.Table.from_batches([table]) if isinstance(table, pyarrow.RecordBatch) else table
    joined = member(JoinLines, "join_lines", join_lines)
    reader = RowReader(member(Unit, "unit", unit), text_field, html_field, joined, None)
    rows = (TableRow(*row) for row in arrow_rows(whole.to_batches(), whole.schema.metadata, name, refuse))
    with tempfile.TemporaryDirectory(prefix="sitrep-batch-") as folder:
        path, like = Path(folder) / "batch.parquet", None
        if schema is not None:
            like = path.with_name("like.parquet")
            parquet.write_table(schema.empty_table(), like)
        count = 0
        with open_part(path, like, lambda: carried_fields(types_of([whole.schema]))) as write:
            for prediction in with_main_text(predictor.predict(reader.passages(rows, name, refuse))):
                write(prediction)
                count += 1
        if count:
            return parquet.read_table(path)
    return schema.empty_table() if schema is not None else pyarrow.table({})
