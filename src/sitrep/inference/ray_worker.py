"""What a process of a cluster does for a job: it holds a model and labels whole parts."""

import contextlib
import io
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sitrep import __version__
from sitrep.inference.arrow_columns import Types
from sitrep.inference.labelled_parts import LabelledPart, Loading, computing_of, label_part
from sitrep.inference.outputs import open_part
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import Checkpoint, open_checkpoint, recorded_files
from sitrep.sentences import Passage

COMPARED = ("numpy", "pyarrow", "tokenizers", "torch", "transformers", "onnxruntime")
"""Packages whose versions an answer may hang on."""

Load = Callable[[Checkpoint, Loading], Predictor]


class FirstPartLostError(Exception):
    """The part whose columns this one was to have is not there; it is being made again."""


@dataclass(frozen=True)
class WorkerReport:
    """What a worker is.

    Attributes:
        versions: Of Python and packages, by name; those it has.
        computing: As :func:`computing_of` gives it.
    """

    versions: dict[str, str]
    computing: dict[str, str]


@dataclass(frozen=True)
class WorkedPart:
    """A part that a worker has done.

    Attributes:
        file: Its name.
        labelled: What was said of it.
        content: Of its file.
        remarks: Lines for standard error.
    """

    file: str
    labelled: LabelledPart | None
    content: bytes
    remarks: tuple[str, ...] = ()


def load_predictor(checkpoint: Checkpoint, loading: Loading) -> Predictor:
    """How workers load the model."""
    return loading.load(checkpoint)


def versions() -> dict[str, str]:
    """Versions that have to be the same everywhere, by name."""
    found = {"Python": platform.python_version(), "sitrep": __version__}
    for package in COMPARED:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


class PartWorker:
    """Labels parts, one after the other; Ray makes an actor of it."""

    def __init__(self, cores: float) -> None:
        os.environ.setdefault("RAYON_NUM_THREADS", str(max(1, int(cores))))  # the tokenizer's threads
        self._folder = tempfile.TemporaryDirectory(prefix="sitrep-worker-")
        self._predictor: Predictor | None = None

    def load(
        self,
        folder: str,
        hashes: Mapping[str, str],
        files: Mapping[str, bytes] | None,
        loading: Loading,
        load: Load = load_predictor,
    ) -> WorkerReport | None:
        """Load the model.

        Args:
            folder: Of the checkpoint on the machine of the job.
            hashes: Of its files.
            files: Its files, where this machine has not the same ones there.
            loading: How.
            load: Does it.

        Returns:
            ``None`` if this machine has not the checkpoint, and wants its files.
        """
        path = Path(folder)
        if files is not None:
            path = Path(self._folder.name) / "checkpoint"
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        elif not path.is_dir() or recorded_files(path) != hashes:
            return None
        self._predictor = load(open_checkpoint(str(path)), loading)
        return WorkerReport(versions(), computing_of(self._predictor))

    def label(self, passages: list[Passage], file: str, types: Types, first: tuple[Any, ...]) -> WorkedPart:
        """Label a part.

        Args:
            passages: Its sentences.
            file: Name of its file.
            types: Of columns, as the input declares them.
            first: Reference to the part whose columns it has, as a :class:`WorkedPart`; empty where there is none.

        Raises:
            FirstPartLostError: If that part never came.
        """
        predictor, path = self._loaded(), Path(self._folder.name) / file
        like = self._first_part(*first) if first else None
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            labelled = label_part(passages, predictor, open_part(path, like, lambda: types))
        content = path.read_bytes()
        path.unlink()
        return WorkedPart(file, labelled, content, tuple(said.getvalue().splitlines()))

    def probe(self, passages: list[Passage]) -> None:
        """Label sentences and forget what was said."""
        for _ in self._loaded().predict(passages):
            pass

    def close(self) -> None:
        """Remove what it has on the disk."""
        self._folder.cleanup()

    def _loaded(self) -> Predictor:
        if self._predictor is None:
            raise RuntimeError("a part came before the model was loaded")
        return self._predictor

    def _first_part(self, reference: Any) -> Path:
        import ray

        folder = Path(self._folder.name) / "first"
        if (found := next(iter(folder.glob("*")), None)) is not None:
            return found
        try:
            worked = ray.get(reference)
        except ray.exceptions.RayError as error:
            raise FirstPartLostError from error
        folder.mkdir()
        (folder / worked.file).write_bytes(worked.content)
        return folder / str(worked.file)
