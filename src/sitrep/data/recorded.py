"""The data that a checkpoint names as what it was trained on, read again."""

from pathlib import Path

from sitrep.data.loading import LoadedData, load_data, named_sources
from sitrep.data.reading import SHIPPED
from sitrep.errors import UserError
from sitrep.model.checkpoint import Checkpoint
from sitrep.settings import DataSettings, TrainingData


def training_data_of(checkpoint: Checkpoint, wanted: TrainingData) -> LoadedData | str:
    """The data that a checkpoint was trained on, if it may be read, is still there and the same; else what is wrong.

    A checkpoint of somebody else's can name any file of this machine. What it names is read where it says that it was
    trained in this very folder, where the user asks for it, or where it is the shipped corpus; and never from the hub.
    """
    record = checkpoint.record
    if wanted is TrainingData.none:
        return "its training data was not asked for (training_data=none)"
    if record is None or not record.data:
        return "the checkpoint does not say what it was trained on"
    try:
        settings = DataSettings(**record.data)
        names = ("train_files", "validation_files", "test_files", "calibration_files")
        sources = set(named_sources(settings)) - {SHIPPED}
        if sources and wanted is TrainingData.own and not _is_made_here(checkpoint):
            return "it was not trained in this folder, so that the files it names are not read (training_data=named)"
        for name in names:
            setattr(settings, name, [_from_base(source, checkpoint) for source in getattr(settings, name)])
        data = load_data(settings, checkpoint.taxonomy)
    except (UserError, TypeError, ValueError) as error:
        return f"its training data cannot be read again ({error})"
    if data.split.digests() != record.split:
        return "its training data has changed since"
    return data


def _is_made_here(checkpoint: Checkpoint) -> bool:
    """Whether the training that wrote the checkpoint ran in the present folder."""
    assert checkpoint.record is not None
    return (checkpoint.folder / checkpoint.record.base).resolve() == Path.cwd().resolve()


def _from_base(source: str, checkpoint: Checkpoint) -> str:
    """A path of the record, as seen from here.

    Raises:
        UserError: If it names no file or folder; names of the hub are not followed.
    """
    assert checkpoint.record is not None
    if source == SHIPPED:
        return source
    found = checkpoint.folder / checkpoint.record.base / source  # an absolute source stays what it is
    if not found.exists():
        raise UserError(f"{source}: no such file or folder")
    return str(found)
