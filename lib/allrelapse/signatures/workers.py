"""Independent pieces of work over the cores, or over any executor that is handed in."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    work: Callable[..., T], jobs: Iterable[tuple[Any, ...]], executor: Executor | None = None
) -> list[T]:
    """`work(*job)` of every job, in the order of the jobs.

    Threads are enough, as compiled code lets go of the interpreter; results never depend on how
    many there are.
    """
    columns = list(zip(*jobs, strict=True))
    if not columns:
        return []
    if executor is not None:
        return list(executor.map(work, *columns))
    with ThreadPoolExecutor(cores()) as threads:
        return list(threads.map(work, *columns))
