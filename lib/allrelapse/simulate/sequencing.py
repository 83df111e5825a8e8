"""What sequencing shows of a leukaemia: reads in two samples, and in a series of samples."""

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from allrelapse.simulate.clones import Clones
from allrelapse.simulate.disease import Disease
from allrelapse.simulate.kinetics import Floats
from allrelapse.simulate.settings import Settings
from allrelapse.simulate.variants import AUTOSOMES_AND_X, Columns

GAINED = np.array([3, 5, 9, 13, 16, 17, 20, 22])
"""Chromosomes that high hyperdiploid leukaemias gain (4, 6, 10, 14, 17, 18, 21, X), from 0."""
X = 22
CALLED_FRACTION = 0.03
"""Variant allele fraction from which a variant is called."""


def copy_numbers(male: bool, hyperdiploid: bool, rng: Generator) -> Floats:
    """Copies of each chromosome (1-22, X) at diagnosis and at relapse, 2 x 23."""
    copies = np.full((2, AUTOSOMES_AND_X), 2.0)
    copies[:, X] -= male
    if hyperdiploid:
        copies[:, rng.choice(GAINED, 6, replace=False)] += 1
    for first in (0, 1):  # changes at diagnosis stay, changes at relapse are new
        for _ in range(rng.poisson((0.8, 0.5)[first])):
            copies[first:, rng.integers(X)] += rng.choice([-1, 1])
    return np.asarray(np.clip(copies, 1, 4))


def allele_fraction(
    ccf: Floats,
    purity: Floats | float,
    copies: Floats,
    normal: Floats,
    multiplicity: Floats | float = 1.0,
) -> Floats:
    """Expected share of reads with a variant: p m c / (p C + (1 - p) C_n).

    Source: Carter 2012, Nat Biotechnol 30:413.
    """
    cells = purity * copies + (1 - purity) * normal
    return np.asarray(purity * multiplicity * ccf / cells)


def reads(
    fraction: Floats, mean: Floats | float, settings: Settings, rng: Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Depth (gamma-Poisson) and reads with the variant (binomial, with wrong bases)."""
    shape = settings.depth_dispersion
    depth = rng.poisson(mean * rng.gamma(shape, 1 / shape, fraction.shape))
    wrong = settings.error
    seen = np.clip(fraction * (1 - wrong) + (1 - fraction) * wrong / 3, 0, 1)
    return depth, rng.binomial(depth, seen)


def sequenced(
    found: Columns, copies: Floats, male: bool, settings: Settings, rng: Generator
) -> Columns:
    """Reads of every variant at diagnosis and relapse, and which variants are called in either.

    A lost gene has no reads: it is called where the clone holds enough of the sample.

    Returns
    -------
    `purity` (2), `copies`, `depth`, `alternative` (2 x variants), `called` (variants).
    """
    chromosome = found["chromosome"]
    spread = 60.0  # of the beta law of purity; an assumption
    purity = rng.beta(settings.purity * spread, (1 - settings.purity) * spread, 2)
    purity = np.asarray(np.round(np.clip(purity, 0.2, 0.99), 3), float)
    here = copies[:, chromosome]
    normal = np.where(male & (chromosome == X), 1.0, 2.0)
    ccf = np.vstack([found["at_diagnosis"], found["at_relapse"]])
    early = (found["clone"] == 0) & (here >= 3) & (rng.random(len(chromosome)) < 0.5)
    mean = allele_fraction(ccf, purity[:, None], here, normal, np.where(early, here - 1, 1.0))
    scale = here / 2 * purity[:, None] + normal / 2 * (1 - purity[:, None])
    depth, alternative = reads(np.clip(mean, 0, 1), settings.depth * scale, settings, rng)
    enough = (alternative >= settings.reads_to_call) & (alternative >= CALLED_FRACTION * depth)
    deleted = found["class"] == "Gene_Deletion"
    visible = ccf * purity[:, None] >= 0.2
    lost = np.where(visible & deleted, here - 1, here)
    called = np.where(deleted, visible.any(axis=0), enough.any(axis=0))
    return {
        "purity": purity, "copies": lost, "depth": depth, "alternative": alternative,
        "visible": visible, "called": called,
    }  # fmt: skip


def series_days(last: float, number: int, rng: Generator) -> Floats:
    """Days of serial samples: diagnosis, relapse, and others in between, closer at either end."""
    inner = np.sort(rng.beta(0.7, 0.7, 4 * number) * last)
    inner = np.unique(np.round(inner[(inner >= 8) & (inner <= last - 3)]))
    chosen = np.sort(rng.choice(inner, min(number - 2, len(inner)), replace=False))
    return np.asarray(np.r_[0.0, chosen, np.round(last)])


def panel(found: Columns, called: np.ndarray, size: int, rng: Generator) -> np.ndarray:
    """Variants that are followed: the resistance mutations, then a few of every clone in turn."""
    single = called & pd.notna(found["reference"])
    drivers = np.flatnonzero(single & pd.notna(found["protein"]))
    rest = np.flatnonzero(single & (found["clone"] >= 0))
    rest = rng.permutation(np.setdiff1d(rest, drivers))
    order = np.argsort(_turns(found["clone"][rest]), kind="stable")
    return np.asarray(np.r_[drivers, rest[order]][:size])


def _turns(clone: np.ndarray) -> np.ndarray:
    """For each entry, how many of its clone came before it."""
    seen: dict[int, int] = {}
    turns = np.zeros(len(clone), np.int64)
    for place, number in enumerate(clone):
        turns[place] = seen[number] = seen.get(number, -1) + 1
    return turns


def serial(
    case: Disease,
    tree: Clones,
    found: Columns,
    chosen: np.ndarray,
    days: Floats,
    settings: Settings,
    rng: Generator,
) -> Columns:
    """Flow cytometry and deep reads of chosen variants on given days.

    Returns
    -------
    `cells` (leukaemia cells, days), `mrd` (measured, % of cells), `below` (days), `depth` (days),
    `total`, `alternative` (variants x days).
    """
    s = settings
    cells, carrying = tree.over_time(case, days)
    room = np.maximum(cells, s.marrow)
    noise = rng.lognormal(0, s.mrd_noise, len(days))
    # a specimen holds about a million cells: few of them may hold none of the leukaemia
    measured = 100 * rng.binomial(1_000_000, np.clip(cells / room * noise, 0, 1)) / 1_000_000
    below = measured < s.mrd_limit
    clone = found["clone"][chosen]
    fraction = carrying[clone] / room / 2
    mean = np.clip(fraction * (1 - s.serial_error) + (1 - fraction) * s.serial_error / 3, 1e-12, 1)
    depth = np.round(rng.gamma(10, s.serial_depth / 10, len(days))).astype(np.int64) + 1
    total = rng.poisson(np.broadcast_to(depth, mean.shape))
    p = rng.beta(mean * s.serial_precision, (1 - mean) * s.serial_precision)
    return {
        "cells": cells, "mrd": np.where(below, s.mrd_limit, measured), "below": below,
        "depth": depth, "total": total, "alternative": rng.binomial(total, np.clip(p, 0, 1)),
        "carrying": carrying[clone],
    }  # fmt: skip
