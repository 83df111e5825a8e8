"""Time and memory that simulated cohorts take, written to a folder that is then removed.

    python benchmarks/simulate_cohort.py --patients 103 --patients 10000 --cores 1 --cores 2

Each run has a process of its own, so that one does not warm up, or fill, the memory of the next.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import click
import pandas as pd

MEGABYTE = 2**20
BOUNDS = {103: (20, None), 10_000: (600, 4096)}
"""Seconds on one core, and megabytes, that are promised for a number of patients."""


def measured(patients: int, cores: int, seed: int) -> dict[str, float]:
    """Seconds from import to the last byte, peak memory and size of one cohort."""
    start = time.perf_counter()
    from allrelapse.simulate import make  # part of what a user waits for
    from allrelapse.simulate.write import write

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "cohort"
        write(folder, seed, make({"patients": patients}), cores=cores)
        seconds = time.perf_counter() - start
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else kilobytes
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    workers = cores if cores > 1 else 0  # the largest of them stands for each
    return {
        "patients": patients,
        "cores": cores,
        "seconds": round(seconds, 1),
        "patients per second": round(patients / seconds),
        "peak memory, MB": round((own + workers * helpers) * unit / MEGABYTE),
        "files, MB": round(size / MEGABYTE, 1),
    }


def runs(
    patients: tuple[int, ...], cores: tuple[int, ...], seed: int
) -> Iterator[dict[str, float]]:
    """Each number of patients on each number of cores, one after the other."""
    spawn = multiprocessing.get_context("spawn")
    for number, workers in product(patients, cores):
        with ProcessPoolExecutor(1, mp_context=spawn) as fresh:
            yield fresh.submit(measured, number, workers, seed).result()


@click.command(help="Time and memory of simulated cohorts.")
@click.option("--patients", type=click.IntRange(1), multiple=True, default=(10, 103, 1000))
@click.option("--cores", type=click.IntRange(1), multiple=True, default=(1,))
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
def main(patients: tuple[int, ...], cores: tuple[int, ...], seed: int) -> None:
    """Measure, print a table, and fail where a promise is broken."""
    found = pd.DataFrame(list(runs(patients, cores, seed)))
    click.echo(found.to_markdown(index=False))
    late = []
    for row in found.to_dict("records"):
        seconds, memory = BOUNDS.get(int(row["patients"]), (None, None))
        if seconds and row["seconds"] > seconds:
            late.append(f"{row['patients']:.0f} patients took over {seconds} s")
        if memory and row["peak memory, MB"] > memory:
            late.append(f"{row['patients']:.0f} patients took over {memory} MB")
    if late:
        raise SystemExit("\n".join(late))


if __name__ == "__main__":
    main()
