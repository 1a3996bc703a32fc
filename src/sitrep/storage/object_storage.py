"""Objects of S3 and of Google Cloud Storage; credentials, endpoint and region come from the environment alone."""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Self

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.storage.complete import write_errors

CHUNK = 8 << 20
"""Bytes that one request reads, and that a process holds of an object that it fetches."""
CONNECTIONS = 8
"""Objects that are fetched or removed at once."""
TRIES = 5
"""How often a request to S3 is made; between them waits get longer."""
GCS_PATIENCE = timedelta(seconds=30)
"""How long a request to Google Cloud Storage is tried again."""

REASONS = {
    r"NETWORK_CONNECTION|UNAVAILABLE|DEADLINE|curl ?(code|error)|REQUEST_TIMEOUT|SLOW_DOWN|INTERNAL_FAILURE": (
        "the storage does not answer; is there a network, and is AWS_ENDPOINT_URL right where it is not Amazon's?"
    ),
    r"NO_SUCH_BUCKET|bucket does not exist": "there is no such bucket",
    r"ACCESS_DENIED|\b40[13]\b|ACCESS_KEY|SIGNATURE|EXPIRED|TOKEN|AUTHENTICAT|PERMISSION|FORBIDDEN|CREDENTIAL": (
        "access is denied; credentials come from the environment (docs/cluster.md)"
    ),
    r"\b301\b|PERMANENT_?REDIRECT": "the bucket lies in another region; name it with AWS_REGION",
}
"""What answers of the storage mean, by words in them; the first that fits."""
ASKED = re.compile(r"^When .*?': (?=AWS Error)", re.DOTALL)
"""What an answer begins with: what was asked for, with names of the user's, whose words mean nothing."""
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def _s3(bucket: str) -> Any:
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    scheme, _, host = (endpoint or "").rpartition("://")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not endpoint:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        region=region,
        scheme=scheme or None,
        endpoint_override=host.rstrip("/") or None,
        allow_delayed_open=True,  # what is small is one request
        background_writes=False,  # else a file that is read faster than it is sent is held whole
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=TRIES),
    )


def _gcs(bucket: str) -> Any:
    from pyarrow import fs

    return fs.GcsFileSystem(retry_time_limit=GCS_PATIENCE)


FILE_SYSTEMS: dict[str, Callable[[str], Any]] = {"s3": _s3, "gs": _gcs}
"""What opens a bucket, by the scheme of its URL."""


def normal_url(url: str) -> str:
    """A URL as the program writes it, so that two can be compared."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.lower()}{mark}{rest.rstrip('/')}"


def is_object_url(location: str) -> bool:
    """Whether a location is the URL of an object, or of a prefix of objects."""
    scheme, mark, _ = location.partition("://")
    return bool(mark) and scheme.lower() in FILE_SYSTEMS


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it.

    Attributes:
        name: Its key below the prefix.
        bytes: Its size.
        modified: When it was written, in nanoseconds; S3 says whole seconds.
    """

    name: str
    bytes: int
    modified: int

    @property
    def path(self) -> Path:
        """The name as a path, which is nowhere on a disk; such paths sort as those of files do."""
        return Path(self.name)

    @property
    def is_as_its_path(self) -> bool:
        """Whether a file could have the name: no slash at its beginning, no two in a row, none of ``.`` and ``..``."""
        path = self.path
        return self.name == path.as_posix() and not path.is_absolute() and ".." not in path.parts


class ObjectPrefix:
    """The objects whose keys begin with ``PREFIX/``, as files of a folder.

    Args:
        url: Such as ``s3://bucket/pages/``.
        files: The file system of the bucket; ``None``: opened.

    Attributes:
        url: Without a slash at its end.
    """

    def __init__(self, url: str, files: Any = None) -> None:
        if not is_installed("pyarrow"):
            raise UserError(f"{url}: {not_installed('pyarrow')}")
        self.url = normal_url(url)
        scheme, _, self._root = self.url.partition("://")
        with self._errors():
            try:
                self._files = FILE_SYSTEMS[scheme](self._root.partition("/")[0]) if files is None else files
            except ImportError:
                raise UserError(f"{self.url}: this PyArrow was built without {scheme}://; install another") from None

    @classmethod
    def find(cls, url: str) -> tuple[Self, str | None]:
        """What a URL is of: a prefix; or the prefix of one object, and the name of it.

        Raises:
            UserError: If there is no such thing.
        """
        from pyarrow.fs import FileType

        prefix = cls(url)
        bucket, _, key = prefix._root.partition("/")
        if not key:
            return prefix, None
        with prefix._errors():
            kind = prefix._files.get_file_info(prefix._root).type
            missing = kind == FileType.NotFound and prefix._files.get_file_info(bucket).type == FileType.NotFound
        if missing:
            raise UserError(f"{url}: there is no such bucket")
        if kind == FileType.NotFound:
            raise UserError(f"{url}: there is no such object, and none below it")
        if kind == FileType.Directory or url.endswith("/"):
            return prefix, None
        above, _, name = prefix.url.rpartition("/")
        return cls(above, prefix._files), name

    def place(self, name: str = "") -> str:
        """The URL of an object."""
        return f"{self.url}/{name}" if name else self.url

    def below(self, name: str) -> Self:
        """A prefix in this one."""
        return type(self)(self.place(name), self._files)

    def objects(self) -> list[StoredObject]:
        """All that there are, also below further slashes; none if there is no such prefix.

        Raises:
            UserError: If there is no such bucket, or it may not be listed.
        """
        return [
            StoredObject(info.path.removeprefix(f"{self._root}/"), info.size, info.mtime_ns or 0)
            for info in self._listed(recursive=True)
            if info.is_file
        ]

    def entries(self) -> list[str]:
        """Names of objects and of prefixes up to the next slash."""
        return sorted(PurePosixPath(info.path).name for info in self._listed(recursive=False))

    def find_object(self, name: str) -> StoredObject | None:
        """One object as it is now; ``None`` if there is none."""
        with self._errors(name):
            info = self._files.get_file_info(self._path(name))
        return StoredObject(name, info.size, info.mtime_ns or 0) if info.is_file else None

    def fetch_all(self, targets: Mapping[str, Path]) -> Iterator[Path]:
        """Write objects to the disk, several at once, and give their files in their order."""
        with ThreadPoolExecutor(CONNECTIONS, "fetching") as threads:
            for target, _ in zip(targets.values(), threads.map(self.fetch, targets, targets.values()), strict=True):
                yield target

    def fetch(self, name: str, target: Path, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Write an object to the disk, piece by piece; what is written is short if it is no longer wanted."""
        with self._errors(name), write_errors(target), target.open("wb") as file:
            with self._files.open_input_stream(self._path(name), compression=None) as stream:
                while is_wanted() and (piece := stream.read(CHUNK)):
                    file.write(piece)

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """An object as a file that can be read anywhere in."""
        with self._errors(name), self._files.open_input_file(self._path(name)) as file:
            yield file

    def put(self, name: str, source: Path) -> None:
        """Write an object; one that is there is replaced.

        It appears when it is complete, unless it is sent in several requests and one of them fails for good: PyArrow
        then publishes those before it. So what is sent counts only where a manifest names it with its size.
        """
        # In a thread, which no signal reaches: a stream that is let go half-way publishes what it has. Copying by
        # PyArrow's copy_files() would be shorter, but it loses what the storage answers at the end.
        with ThreadPoolExecutor(1, "sending") as thread:
            thread.submit(self._send, name, source).result()

    def _send(self, name: str, source: Path) -> None:
        with source.open("rb") as file, self._errors(name):
            stream = self._files.open_output_stream(self._path(name), compression=None)
            while piece := file.read(CHUNK):
                stream.write(piece)
            stream.close()

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, as far as they are there."""
        with ThreadPoolExecutor(CONNECTIONS, "removing") as threads:
            list(threads.map(self._remove, names))

    def _remove(self, name: str) -> None:
        with self._errors(name), suppress(FileNotFoundError):
            self._files.delete_file(self._path(name))

    def remove_below(self, name: str) -> None:
        """Remove a prefix in this one with all its objects."""
        from pyarrow.fs import FileType

        with self._errors(name), suppress(FileNotFoundError):
            if self._files.get_file_info(self._path(name)).type != FileType.NotFound:  # Google's has another error then
                self._files.delete_dir(self._path(name))

    def _listed(self, recursive: bool) -> Any:
        from pyarrow.fs import FileSelector

        with self._errors():
            try:  # what is allowed not to be there may be in no bucket either
                return self._files.get_file_info(FileSelector(self._root, recursive=recursive))
            except FileNotFoundError:
                return []
            except OSError as error:
                if str(error).startswith("No such file or directory"):  # Google's
                    return []
                raise

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        """Turn what the storage answers into a ``UserError`` of one line, in which no credential stands."""
        import pyarrow

        try:
            yield
        except FileNotFoundError:
            raise UserError(f"{self.place(name)}: there is no such object") from None
        except (OSError, pyarrow.ArrowException) as error:
            if getattr(error, "errno", None) not in (None, errno.ENOENT):  # of the disk here
                raise
            raise UserError(f"{self.place(name)}: {_reason(str(error))}") from None


def _reason(answer: str) -> str:
    told = ASKED.sub("", answer)
    for pattern, reason in REASONS.items():
        if re.search(pattern, told, re.IGNORECASE):
            return reason
    for name in SECRETS:
        if secret := os.environ.get(name):
            answer = answer.replace(secret, "…")
    return " ".join(answer.split())[:300]
