"""Several pieces of work side by side, each in a process of its own that may fail, hang or crash.

What a process gives back is bytes in a file that was opened before it began, read when it is
gone: nothing of it is ever unpickled or run, and no pipe can be held open.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from allrelapse.classroom.fence import Limits, enclose, limit, readable

LARGEST = 2_000_000
"""Bytes that are taken of what a process gives back."""
PAUSE = 0.02
"""Seconds between looks at what runs."""
FILES = 65_536
"""Numbers of files that may be open here."""
BECOME_SUBREAPER = 36
ROUNDS = 100
OUT_OF_TIME = "ran longer than {:g} s and was ended"
MEMORY = "was ended by signal {}, perhaps for want of memory"


@dataclass(frozen=True)
class Job:
    """One piece of work.

    name : by which its end is told
    work : called in the process of its own, in a folder of its own, with a file to write to
    fenced : a student's code runs in it
    copied : folders and files that it finds in its folder
    """

    name: Any
    work: Callable[[IO[bytes]], None]
    fenced: bool = True
    copied: tuple[Path, ...] = ()


@dataclass(frozen=True)
class End:
    """How a job ended.

    output : what it wrote, up to `LARGEST` bytes
    fault : why it did not come to its end, in words; empty if it did
    seconds : from beginning to end
    """

    name: Any
    output: bytes
    fault: str
    seconds: float


@dataclass(frozen=True)
class _Running:
    job: Job
    process: int
    folder: Path
    output: IO[bytes]
    started: float


def run(jobs: Iterable[Job], limits: Limits, *, cores: int) -> Iterator[End]:
    """Run jobs, some at a time, and tell the end of each as it comes.

    Whatever a job started is ended with it. If the caller stops, so do all that run.
    """
    _adopt_orphans()
    others, allowed = _children(), readable()
    waiting, running = iter(jobs), list[_Running]()
    try:
        while True:
            while len(running) < cores and (job := next(waiting, None)) is not None:
                running.append(_start(job, limits, allowed))
            if not running:
                return
            ended = [(one, code) for one in running if (code := _ended(one, limits)) is not None]
            for one, fault in ended:
                running.remove(one)
                _end_orphans(others | {other.process for other in running})
                yield _end(one, fault)
            if not ended:
                time.sleep(PAUSE)
    finally:
        for one in running:
            _kill(one)
            _end(one, "stopped")
        _end_orphans(others)


def _start(job: Job, limits: Limits, allowed: list[Path]) -> _Running:
    folder = Path(tempfile.mkdtemp(prefix="allrelapse-exercise-"))
    for path in job.copied:
        target = folder / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)
    output = tempfile.TemporaryFile()  # noqa: SIM115, closed by _end
    sys.stdout.flush()
    sys.stderr.flush()
    if process := os.fork():
        with contextlib.suppress(OSError):  # the child does so too; whoever comes first
            os.setpgid(process, process)
        return _Running(job, process, folder, output, time.monotonic())
    code = 1
    try:
        _prepare(folder, output)
        if job.fenced:
            _fence(folder, limits, allowed)
        job.work(output)
        output.flush()
        code = 0
    finally:
        os._exit(code)  # whatever a student's code left to be done at exit is not done


def _prepare(folder: Path, output: IO[bytes]) -> None:
    """What a process does before its work; nothing of the grader's is left open but the output."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    # what Python holds may be of another kind, as in a notebook or a test
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    kept = output.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, FILES)
    os.chdir(folder)
    own = {"HOME": folder, "TMPDIR": folder, "IPYTHONDIR": folder / ".ipython"}
    os.environ.update({name: str(place) for name, place in own.items()})
    os.environ.pop("ALLRELAPSE_STUDENT", None)
    tempfile.tempdir = str(folder)


def _fence(folder: Path, limits: Limits, allowed: list[Path]) -> None:
    from numba.core.caching import Cache

    # it may read the cache of compiled code, but not write what the next one would run
    setattr(Cache, "save_overload", lambda *_: None)  # noqa: B010
    limit(limits)
    enclose(folder, allowed)


def _ended(one: _Running, limits: Limits) -> str | None:
    """None while it runs; else why it did not come to its end, in words, or nothing."""
    process, status = os.waitpid(one.process, os.WNOHANG)
    if process:
        _kill(one, reaped=True)
        if not os.WIFSIGNALED(status):
            return "" if os.WEXITSTATUS(status) == 0 else "ended itself before its end"
        if os.WTERMSIG(status) == signal.SIGXCPU:
            return OUT_OF_TIME.format(limits.seconds)
        return MEMORY.format(signal.Signals(os.WTERMSIG(status)).name)
    if time.monotonic() - one.started <= limits.seconds:
        return None
    _kill(one)
    return OUT_OF_TIME.format(limits.seconds)


def _kill(one: _Running, *, reaped: bool = False) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(one.process, signal.SIGKILL)
    if not reaped:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one.process, 0)


def _end(one: _Running, fault: str) -> End:
    with one.output:
        output = os.pread(one.output.fileno(), LARGEST, 0)
    shutil.rmtree(one.folder, ignore_errors=True)
    return End(one.job.name, output, fault, time.monotonic() - one.started)


def _adopt_orphans() -> None:
    """On Linux, what a job's process leaves behind becomes a child of this process."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)


def _end_orphans(kept: set[int]) -> None:
    """End what jobs left behind, and what that leaves behind in turn."""
    for _ in range(ROUNDS):
        left = _children() - kept
        for process in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError, PermissionError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        if not left:
            return


def _children() -> set[int]:
    """Processes whose parent is this one, where Linux tells."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(number) for path in lists for number in path.read_text().split()}
