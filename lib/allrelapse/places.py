"""Folders of results: filled aside, put in place at once, by one process at a time."""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(place: Path, say: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it however this process ends."""
    with place.with_name(f".{place.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{place.name}: waiting for another run of it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def put_in_place(new: Path, place: Path) -> None:
    """Two renames, so that nobody ever sees a folder half filled."""
    aside = place.with_name(f".{place.name}.old")
    if place.exists():
        place.rename(aside)
    new.rename(place)
    shutil.rmtree(aside, ignore_errors=True)


def tidy(place: Path) -> None:
    """Mend what a killed run left; the lock is ours, so whatever lies here is nobody's."""
    aside = place.with_name(f".{place.name}.old")
    if aside.exists() and not place.exists():
        aside.rename(place)
    for path in place.parent.glob(f".{place.name}.*"):
        scratch = Path(tempfile.gettempdir()).glob(f"allrelapse{path.suffix}-*")
        for left in (path, *scratch) if path.is_dir() else ():
            shutil.rmtree(left, ignore_errors=True)
