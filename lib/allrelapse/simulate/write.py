"""A simulated cohort written to disk as it is made, however large it is."""

import multiprocessing
import secrets
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from allrelapse.data.forms import native
from allrelapse.errors import InputError
from allrelapse.simulate import blocks
from allrelapse.simulate.settings import Settings


def write(
    folder: Path,
    seed: int,
    settings: Settings,
    *,
    csv: bool = False,
    cores: int = 1,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write a simulated cohort into a new folder, whole or not at all.

    The observed tables lie there as `allrelapse.data.cohort` reads them, the truth in `truth/`.

    Parameters
    ----------
    progress : is told how many patients have been added

    Raises
    ------
    InputError
        If there is something in that folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name another folder, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(cores, mp_context=spawn) if cores > 1 else nullcontext()
    try:
        with pool as executor, native.Writer(staging, csv=csv) as out:
            for block in blocks(seed, settings, executor=executor):
                out.add(block)
                progress(len(block.get("patients", ())))
        (staging / "cohort.yaml").write_text("build: GRCh37\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
