"""Simulated resistant cells: do they follow the closed forms, and how fast are they drawn?

    OMP_NUM_THREADS=1 python benchmarks/branching_simulator.py --write

Takes about six minutes of processor time; speed is that of one core. It ends with exit code 1 if a
promise at the top is broken.

against theory  `simulate` on the whole grid of sizes M, mutations M u, b = d/r and fitness, each
                with a million patients: z of P(resistant) (Iwasa 2006), of P(0 to 4 cells) and of
                P(at most the median) (the law of Luria & Delbrück with death and fitness).
                The mean is not compared: its tail is too heavy. `rates` says what fitness changes:
                `both`, births and deaths alike, or `births` alone, for which P(resistant) has a
                closed form only
every cell      `exact` follows every cell, the sensitive ones too: where does the law of
                `simulate`, meant for u << 1 << M, hold? Its results are also compared with the
                plain Gillespie algorithm below, which is not ours
speed           patients per second of processor time, and that of the plain Gillespie algorithm
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path

import click
import numpy as np
import pandas as pd
from numba import njit
from numpy.random import Generator
from report import renew

from allrelapse.evolution.branching import (
    mean_living_lineages,
    mutant_number_pmf,
    p_resistant_at_detection,
)
from allrelapse.evolution.simulator import exact, simulate

LARGEST_Z = 4
FAST = 1e6  # patients per second where M u is 1 at most
TIMES_PLAIN = 100  # as fast as the plain algorithm at M = 1e5

R = 0.14  # divisions per day, as of childhood leukaemia; only ratios matter
SIZES = (1e6, 1e9, 1e12)
MUTATIONS = (0.1, 1.0, 10.0)
DEATHS = (0.0, 0.5, 0.9)
FITNESS = (0.8, 1.0, 1.25)
LONGEST = 20_000  # cells up to which a law is worked out; above all medians
LEAST_EXPECTED = 20  # hits and misses that a z needs
SMALL = {10: 100_000, 100: 100_000, 1000: 100_000, 10_000: 20_000}  # M, patients for `exact`
PLAIN_SIZE, PLAIN_MUTATIONS, PLAIN_PATIENTS = 1e5, 1.0, 200


def z_score(hits: np.ndarray, p: float) -> float:
    """Binomial errors that a share lies from its chance; NaN where hits or misses are too few."""
    error = np.sqrt(len(hits) * p * (1 - p))
    return (hits.sum() - len(hits) * p) / error if error**2 > LEAST_EXPECTED else np.nan


@cache
def law(mutations: float, b: float, fitness: float) -> np.ndarray:
    """Chances of 0, 1, 2, ... resistant cells."""
    return mutant_number_pmf(LONGEST, mutations, b, 1 / fitness)


def settings() -> Iterator[tuple[float, float, float, float, str]]:
    """M, M u, b, fitness a/r, and which rates of the mutants it changes."""
    for size, mutations, b, fitness in product(SIZES, MUTATIONS, DEATHS, FITNESS):
        yield size, mutations, b, fitness, "both"
        if b > 0 and fitness != 1:
            yield size, mutations, b, fitness, "births"


def compared(patients: int, seed: int) -> pd.DataFrame:
    """One row per setting: z of each share."""
    rows = []
    for number, (size, mutations, b, fitness, rates) in enumerate(settings()):
        u, d, a = mutations / size, b * R, fitness * R
        c = d * fitness if rates == "both" else d
        found = simulate(size, patients, u, R, d, a, c, seed=seed + number)
        row = {"M": size, "M u": mutations, "d/r": b, "a/r": fitness, "rates": rates}
        p = float(p_resistant_at_detection(size, u, R, d, a, c))
        row |= {"P(resistant)": p, "z, resistant": z_score(found > 0, p)}
        if rates == "both":
            chances = law(mutations, b, fitness)
            median = int(np.searchsorted(np.cumsum(chances), 0.5))
            row |= {f"z, {n} cells": z_score(found == n, chances[n]) for n in range(5)}
            row |= {"median": median}
            row |= {"z, median": z_score(found <= median, chances[: median + 1].sum())}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(grid: pd.DataFrame) -> pd.DataFrame:
    """Largest |z| by death and fitness, over all sizes and mutation rates."""
    size = grid.filter(like="z, ").abs()
    shown = grid[["d/r", "a/r", "rates"]].assign(
        **{
            "settings": 1,
            "largest z, resistant": size["z, resistant"],
            "of 0 to 4 cells": size.filter(like=" cells").max(axis=1),
            "of the median": size["z, median"],
        }
    )
    by = shown.groupby(["d/r", "a/r", "rates"])
    return by.max().assign(settings=by["settings"].sum()).reset_index()


@njit(nogil=True)
def plain(size: float, u: float, r: float, d: float, patients: int, rng: Generator) -> np.ndarray:
    """Gillespie's direct method for neutral mutants: every event, with the time that it takes."""
    found, days = np.empty(patients, np.int64), np.empty(patients)
    for i in range(patients):
        sensitive, resistant, day = 1, 0, 0.0
        while sensitive < size:
            if sensitive == 0:
                sensitive, resistant, day = 1, 0, 0.0
            rates = (
                r * (1 - u) * sensitive, r * u * sensitive, d * sensitive,
                r * resistant, d * resistant,
            )  # fmt: skip
            total = rates[0] + rates[1] + rates[2] + rates[3] + rates[4]
            day += rng.standard_exponential() / total
            place, event = rng.random() * total, 0
            while event < 4 and place >= rates[event]:
                place -= rates[event]
                event += 1
            sensitive += (event == 0) - (event == 2)
            resistant += (event == 1) + (event == 3) - (event == 4)
        found[i], days[i] = resistant, day
    return found


def small(seed: int) -> pd.DataFrame:
    """P(resistant) and P(more than 4 cells) with every cell followed, beside the law; M u = .5."""
    rows = []
    for (size, patients), b in product(SMALL.items(), DEATHS):
        found = exact(size, patients, 0.5 / size, R, b * R, seed=seed)
        chances = law(0.5, b, 1.0)
        row = {"M": size, "u": 0.5 / size, "d/r": b, "patients": patients}
        for name, hits, p in (
            ("P(resistant)", found > 0, 1 - chances[0]),
            ("P(> 4 cells)", found > 4, 1 - chances[:5].sum()),
        ):
            row |= {name: hits.mean(), f"{name}, theory": p, f"z, {name}": z_score(hits, p)}
        rows.append(row)
    return pd.DataFrame(rows)


def against_plain(seed: int, patients: int = 50_000, size: float = 300.0) -> float:
    """Largest |z| between `exact` and the plain algorithm, over 0 to 4 cells, at every b."""
    scores = []
    for b in DEATHS:
        ours = exact(size, patients, 1 / size, R, b * R, seed=seed)
        other = plain(size, 1 / size, R, b * R, patients, np.random.default_rng(seed))
        for n in range(5):
            shares = np.array([(ours == n).mean(), (other == n).mean()])
            p = shares.mean()
            scores.append(np.diff(shares)[0] / np.sqrt(2 * p * (1 - p) / patients))
    return float(np.abs(scores).max())


def per_second(work: Callable[[int], object], patients: int) -> float:
    """Patients per second of processor time, the best of three; compiled before."""
    work(10)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work(patients)
        seconds.append(time.process_time() - start)
    return patients / min(seconds)


def speed(seed: int, single: Executor) -> pd.DataFrame:
    """`simulate` at 1e12 cells, and at the size at which the plain algorithm is still bearable."""
    cases = [(1e12, mutations, b) for mutations in (0.01, 0.1, 1.0, 1e3, 1e6) for b in DEATHS]
    cases += [(PLAIN_SIZE, PLAIN_MUTATIONS, b) for b in DEATHS]
    rows = []
    for size, mutations, b in cases:
        u, d = mutations / size, b * R
        row = {"M": size, "M u": mutations, "d/r": b}
        row["lineages"] = float(mean_living_lineages(size, u, R, d))

        def ours(n: int, size: float = size, u: float = u, d: float = d) -> object:
            return simulate(size, n, u, R, d, seed=seed, executor=single)

        def theirs(n: int, size: float = size, u: float = u, d: float = d) -> object:
            return plain(size, u, R, d, n, np.random.default_rng(seed))

        row["patients/s"] = per_second(ours, int(2e6 / max(1, mutations) ** 0.75))
        if size == PLAIN_SIZE:
            row["plain, patients/s"] = per_second(theirs, PLAIN_PATIENTS)
            row["times as fast"] = row["patients/s"] / row["plain, patients/s"]
        rows.append(row)
    return pd.DataFrame(rows)


def broken(grid: pd.DataFrame, other: float, rates: pd.DataFrame) -> list[str]:
    """Promises that are not kept."""
    told = []
    largest = grid.filter(like="z, ").abs().max().max()
    for name, z in (("the closed forms", largest), ("the plain algorithm", other)):
        if not z < LARGEST_Z:
            told.append(f"{z:.2f} errors from {name}; below {LARGEST_Z} is promised")
    slowest = rates.loc[rates["M u"] <= 1, "patients/s"].min()
    if slowest < FAST:
        told.append(f"{slowest:.3g} patients per second; {FAST:g} are promised")
    if rates["times as fast"].min() < TIMES_PLAIN:
        told.append(f"{rates['times as fast'].min():.0f} times as fast; {TIMES_PLAIN} are promised")
    return told


def machine() -> str:
    """What it was measured on."""
    cpu, info = platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = lines[0].split(": ")[1] if lines else cpu
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    return (
        f"Measured on one core of {cpu}, Python {platform.python_version()}, {versions}; "
        f"load average {os.getloadavg()[0]:.1f}."
    )


def markdown(rows: pd.DataFrame) -> str:
    """A table with as many digits as are of use."""

    def shown(value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if np.isnan(value):
            return ""
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.2g}"

    align = ["right" if pd.api.types.is_numeric_dtype(t) else "left" for t in rows.dtypes]
    text = rows.map(shown)
    return text.to_markdown(index=False, disable_numparse=True, colalign=align)


@click.command(help="Simulated resistant cells against theory, and their speed.")
@click.option("--patients", type=click.IntRange(100_000), default=1_000_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and the file of results.")
def main(patients: int, seed: int, writes: bool) -> None:
    """Measure, print tables, and fail where a promise is broken."""
    where = machine()
    with ThreadPoolExecutor(1) as single:
        rates = speed(seed, single)
    grid, few, other = compared(patients, seed), small(seed), against_plain(seed)
    scores = grid.filter(like="z, ")
    section = "\n\n".join(
        [
            f"Against theory: {scores.count().sum()} shares of {patients:,} patients in "
            f"{len(grid)} settings, largest |z| {scores.abs().max().max():.2f}.",
            markdown(summary(grid)),
            "Every cell followed, beside the law for u << 1 << M:",
            markdown(few),
            f"The plain algorithm and `exact` differ by |z| {other:.2f} at most.",
            f"Speed. {where}",
            markdown(rates),
        ]
    )
    click.echo(section)
    if writes:
        parts = {"against theory": grid, "every cell": few, "speed": rates}
        table = pd.concat([rows.assign(table=name) for name, rows in parts.items()])
        renew("branching_simulator", section, table[["table", *table.columns.drop("table")]])
    if told := broken(grid, other, rates):
        raise SystemExit("\n".join(told))


if __name__ == "__main__":
    main()
