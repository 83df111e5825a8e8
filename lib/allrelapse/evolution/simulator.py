"""Numbers of resistant cells by simulation, at detection and after therapy, whatever their size.

`simulate` and `under_therapy` draw whole lineages from their exact law (see `lineages`); `exact`
follows every cell and shows where they hold. Symbols as in `branching`.
"""

import zlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.random import Generator

from allrelapse.errors import InputError
from allrelapse.evolution import lineages
from allrelapse.evolution.lineages import Array, Counts
from allrelapse.evolution.therapy import Phase, resistant_lineages
from allrelapse.signatures.refit import check_whole
from allrelapse.signatures.workers import spread

DOUBLINGS = 60  # before detection; what is older is of a share of 2^-60 of the cells
FOLLOWED = 1e8  # cells that `exact` follows one by one
PATIENTS, STEPS = 2**16, 2**20  # of a chunk at most, which has random numbers of its own


@dataclass(frozen=True, eq=False)
class Resistant:
    """What is resistant at the end, in each replicate.

    lineages : number that survive
    cells : of all of them together, whole numbers as floats
    """

    lineages: Counts
    cells: Array


def simulate(
    size: float,
    replicates: int,
    u: float,
    r: float,
    d: float,
    a: float | None = None,
    c: float | None = None,
    *,
    seed: int = 0,
    executor: Executor | None = None,
) -> Array:
    """Resistant cells alive when the sensitive ones have grown from one to `size`, per patient.

    Mutations are Poisson with mean u size r/(r - d), their ages exponential with rate r - d, their
    lineages independent birth-death processes. Valid for u << 1 << size; see `exact`. Work grows
    with the number of lineages that survive, from 100 a patient on more slowly; see `lineages`.

    Parameters
    ----------
    size : M, sensitive cells at detection, at least 1
    replicates : patients
    u : mutations to resistance per division, in [0, 1)
    r, d : divisions and deaths of sensitive cells, r > d >= 0, per day
    a, c : the same of resistant cells, by default r and d; c may exceed a
    seed : same seed, same patients, on any number of cores; a longer run begins with the shorter
    executor : spreads the work over its workers instead of this machine's cores

    Returns
    -------
    Cells, one number per replicate; float64, as 64-bit integers wrap above 9.2e18: whole up to
    2^53, with 16 digits beyond, and at most about 1e300 a lineage. Their mean is heavy-tailed:
    compare quantiles.

    Raises
    ------
    InputError
        If a value is out of range, or over 1e12 lineages would survive in each patient.

    Source: Luria & Delbrück 1943, Genetics 28:491; Iwasa, Nowak & Michor 2006, Genetics 172:2557;
    law of a lineage Kendall 1948, Ann Math Stat 19:1.
    """
    a, c = _rates(size, u, r, d, a, c)
    phase = Phase(DOUBLINGS * float(np.log(2)) / (r - d), r, d, a, c)
    return _drawn([phase], size * 2.0**-DOUBLINGS, replicates, u, seed, executor).cells


def exact(
    size: float,
    replicates: int,
    u: float,
    r: float,
    d: float,
    a: float | None = None,
    c: float | None = None,
    *,
    seed: int = 0,
    executor: Executor | None = None,
) -> Counts:
    """Resistant cells when sensitive ones first number `size`, by following every cell from one.

    Without approximation: sensitive cells divide and die by chance, too, and patients in whom they
    die out begin anew. Work grows with `size`. Arguments as for `simulate`.

    Returns
    -------
    Cells, one number per replicate.

    Raises
    ------
    InputError
        If a value is out of range, if sensitive cells do not grow as d >= r(1 - u), or if more
        than 1e8 cells would have to be followed.

    Source: embedded jump chain of Gillespie 1977, J Phys Chem 81:2340.
    """
    a, c = _rates(size, u, r, d, a, c)
    net = r * (1 - u) - d
    if net <= 0:
        raise InputError(f"u {u}: must be below 1 - d/r = {1 - d / r:g}, or size is never reached")
    digits = np.log10(size) * max(1.0, (a - c) / net)
    if digits > np.log10(FOLLOWED):
        raise InputError(
            f"size {size:g}: some 1e{digits:.1f} cells would be followed one by one, and at most "
            f"{FOLLOWED:g} can be; use simulate"
        )
    jobs = [
        (float(size), float(u), float(r), float(d), a, c, patients, rng)
        for patients, rng in _chunks(replicates, size, seed, "exact")
    ]
    return np.concatenate(spread(_followed, jobs, executor))


def under_therapy(
    phases: Sequence[Phase],
    cells: float,
    replicates: int,
    u: float,
    *,
    seed: int = 0,
    executor: Executor | None = None,
) -> Resistant:
    """Lineages that arise and resist in the course of a schedule, and their cells at its end.

    Sensitive cells grow or decline as their mean, phase by phase, even below one cell; lineages
    follow the exact law of birth and death through all phases to come. Mutants that are there at
    the start are not counted.

    Parameters
    ----------
    phases : one after the other, each of finite length
    cells : sensitive cells at the start, 0 or more
    replicates : patients
    u : mutations to resistance per division, in [0, 1)
    seed, executor : as for `simulate`

    Returns
    -------
    Lineages alive at the end, Poisson with mean `therapy.resistant_lineages`, and their cells.

    Raises
    ------
    InputError
        If a value is out of range, a phase is endless, or over 1e12 lineages would survive.

    Source: Foo & Michor 2010, J Theor Biol 263:179; law of a lineage Kendall 1948, Ann Math Stat
    19:1.
    """
    resistant_lineages(phases, u, cells)  # checks all but the end
    if np.isinf(phases[-1].days):
        raise InputError(f"phase {len(phases)}: is endless; give the days after which to count")
    return _drawn(phases, cells, replicates, u, seed, executor)


def _rates(
    size: float, u: float, r: float, d: float, a: float | None, c: float | None
) -> tuple[float, float]:
    """Rates of the resistant cells, once all is checked."""
    a, c = r if a is None else a, d if c is None else c
    if not 1 <= size < np.inf:
        raise InputError(f"size {size}: must be a number of cells, 1 or more")
    if not 0 <= u < 1:
        raise InputError(f"u {u}: must be a probability per division, 0 or more and below 1")
    for name, value in (("r", r), ("d", d), ("a", a), ("c", c)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} {value}: must be a rate per cell and day, 0 or more")
    if d >= r:
        raise InputError(f"d {d}: must be below r = {r}, or the leukaemia would not grow")
    return float(a), float(c)


def _drawn(
    phases: Sequence[Phase],
    cells: float,
    replicates: int,
    u: float,
    seed: int,
    executor: Executor | None,
) -> Resistant:
    plan = lineages.plan(phases, cells, u)
    jobs = [(plan, *chunk) for chunk in _chunks(replicates, plan.work, seed, "lineages")]
    parts = spread(lineages.drawn, jobs, executor)
    return Resistant(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _chunks(replicates: int, work: float, seed: int, name: str) -> list[tuple[int, Generator]]:
    """Patients of each chunk, and its generator: neither depends on who does the work.

    Parameters
    ----------
    work : steps that a patient takes
    name : of the kind of work, so that two kinds do not share random numbers
    """
    check_whole(1, replicates=replicates)
    check_whole(seed=seed)
    chunk, kind = int(np.clip(STEPS / work, 1, PATIENTS)), zlib.crc32(name.encode())
    return [
        (min(chunk, replicates - start), np.random.default_rng([seed, number, kind]))
        for number, start in enumerate(range(0, replicates, chunk))
    ]


@njit(nogil=True, cache=True)
def _followed(
    size: float, u: float, r: float, d: float, a: float, c: float, patients: int, rng: Generator
) -> Counts:
    """Resistant cells of each patient, event by event; the times between them play no part."""
    found = np.empty(patients, np.int64)
    for i in range(patients):
        sensitive, resistant = 1, 0
        while sensitive < size:
            all_sensitive = (r + d) * sensitive
            place = rng.random() * (all_sensitive + (a + c) * resistant)
            if place < r * u * sensitive:
                resistant += 1
            elif place < r * sensitive:
                sensitive += 1
            elif place < all_sensitive:
                sensitive -= 1
                if sensitive == 0:
                    sensitive, resistant = 1, 0
            elif place < all_sensitive + a * resistant:
                resistant += 1
            elif resistant > 0:  # rounding may lead here without
                resistant -= 1
        found[i] = resistant
    return found
