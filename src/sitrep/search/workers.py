"""Which processes work at a study, on this machine and on others."""

import json
import os
import platform
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

import psutil

BEAT_SECONDS = 20.0
"""How often a process says that it is there."""
STALE_SECONDS = 120.0
"""After how long one of another machine that says nothing is taken for dead."""


class Worker:
    """This process, which says that it is there by touching a file beside the study as long as it works.

    Args:
        study: File of the study.
    """

    def __init__(self, study: Path) -> None:
        self.folder = study.with_name(study.name + ".workers")
        self.name = uuid.uuid4().hex
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Worker":
        self.folder.mkdir(parents=True, exist_ok=True)
        process = psutil.Process()
        told = {"machine": machine(), "pid": process.pid, "began": process.create_time()}
        (self.folder / self.name).write_text(json.dumps(told), encoding="utf-8")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        (self.folder / self.name).unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:  # others are at work, or have been cut off
            pass

    def is_alive(self, name: str) -> bool:
        """Whether a process works, by its ``name``; of one on another machine that is known two minutes later."""
        path = self.folder / name
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            silent = self._now() - path.stat().st_mtime
        except (OSError, ValueError):
            return False
        if told["machine"] != machine():
            return silent < STALE_SECONDS
        try:
            began = float(psutil.Process(told["pid"]).create_time())
            return abs(began - float(told["began"])) < 1
        except psutil.NoSuchProcess:
            return False

    def forget(self, name: str) -> None:
        """Take away what a dead process has left."""
        (self.folder / name).unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._touch()

    def _touch(self) -> None:
        try:
            os.utime(self.folder / self.name)
        except OSError:  # the disk is away for the moment
            pass

    def _now(self) -> float:
        """By the clock of the disk, which may not be that of this machine."""
        self._touch()
        try:
            return (self.folder / self.name).stat().st_mtime
        except OSError:
            return time.time()


def machine() -> str:
    """Names this machine since it was started; containers that number their processes apart are machines apart."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return f"{platform.node()} {psutil.boot_time():.0f}"
