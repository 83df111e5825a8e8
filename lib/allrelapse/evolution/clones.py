"""The clones of one patient: variants that share their cancer cell fraction in every sample.

The cancer cell fraction (CCF) is the share of the leukaemia cells of a sample that carry a variant.
A mixture of clones, each with one CCF per sample, is fitted to the reads of all samples at once by
mean-field variational Bayes on a grid of CCFs; the evidence says how many clones there are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from allrelapse.errors import InputError
from allrelapse.evolution import mixture

Array = NDArray[np.float64]
PerSample = float | Mapping[str, float]

COUNTS = ("t_alt_count", "t_depth")
NEEDED = ("variant", "sample", *COUNTS, "purity", "copy_number")
NUMBERS = (*NEEDED[2:], "normal_copies", "multiplicity")
GAINED, EVERY_COPY = 0.25, 0.01
"""Prior chance that a mutation is on several copies but not on all, and that it is on all of two
or more: it came before a gain, or the other parent's copy was lost. Assumptions."""
LOWEST, GROWTH, STEP = 1e-4, 1.08, 0.01  # of the grid: first CCF above 0, ratio, largest step
TINY = 1e-12  # least share of reads, so that no logarithm is of 0


@dataclass(frozen=True, repr=False)
class Clones:
    """The clones of a patient, numbered from 1 by falling CCF (summed over samples).

    clusters : by `cluster` and `sample`: `ccf` (posterior mean), `lower` and `upper` end of the
        shortest interval of the level, `variants` (assigned to it), `measured` (those with reads
        in the sample; if none, the CCF is not known there)
    assignment : by `variant`: its most probable `cluster` and the `probability` of that
    evidence : by number of clones, the lower bound of the log-evidence, nats
    posterior : clones x samples x grid, probability
    grid : CCFs, the first is 0
    responsibility : variants x clones, probability
    """

    clusters: pd.DataFrame
    assignment: pd.DataFrame
    evidence: "pd.Series[float]"
    posterior: Array
    grid: Array
    responsibility: pd.DataFrame

    def __repr__(self) -> str:
        """A line: what was found."""
        variants, number = self.responsibility.shape
        return f"<{number} clones of {variants} variants in {self.posterior.shape[1]} samples>"

    @property
    def samples(self) -> list[str]:
        """Names of the samples, in order."""
        return list(self.clusters["sample"].unique())


def cluster(
    variants: pd.DataFrame,
    *,
    most: int = 8,
    starts: int = 8,
    precision: PerSample = math.inf,
    error: PerSample = 1e-3,
    absent: float = 0.2,
    level: float = 0.95,
    seed: int = 0,
) -> Clones:
    """The clones of one patient from reads in one or more samples.

    The reads with a variant are beta-binomial with mean v = e + (1 - e) p m c / (p C + (1 - p) N):
    CCF c, purity p, C copies in a leukaemia cell, of which m mutated, N in a normal one, error e.
    Where m is not given the likelihood is averaged over 1 to C, for each sample, by
    `multiplicity_prior`. CCFs are 0 with probability `absent`, else uniform a priori, on the grid
    `ccf_grid`; the shares of the clones are uniform (Dirichlet of 1). The number of clones is the
    one of highest evidence among 1 to `most`, of those that leave no clone without variants.
    Intervals are of the clones as found: clones that overlap, or a neutral tail among their
    variants, make them too narrow (`benchmarks/clone_recovery.py` says by how much).

    Parameters
    ----------
    variants : one row per variant and sample in which it was measured, zero reads included, with
        `variant`, `sample`, `t_alt_count`, `t_depth` (reads), `purity` (above 0 to 1),
        `copy_number` (from 1), and if known `normal_copies` (else 2) and `multiplicity`. A row
        that is missing, or has no counts, says nothing about the CCF
    most : clones, up to which numbers are tried
    starts : fits per number, from clones that are seeded where the others fit badly
    precision : of the beta-binomial law, for all samples or by sample; infinite is binomial
    error : share of wrong bases that look like the variant, likewise
    absent : prior probability that a clone has no cells in a sample, 0 to below 1
    level : of the intervals
    seed : of the starts; the order of the rows does not matter

    Raises
    ------
    InputError
        If a column lacks, a value is out of range, or a variant is there twice or never.

    Source: Gillis & Roth 2020, BMC Bioinformatics 21:571 (PyClone-VI; the grid is even there, and
    variants that lack in a sample are left out); Carter 2012, Nat Biotechnol 30:413 (v).
    """
    if min(most, starts) < 1 or not 0 <= absent < 1 or not 0 < level < 1:
        raise InputError(
            f"most, starts, absent, level are {most}, {starts}, {absent}, {level}; give 1 or more, "
            "1 or more, 0 to below 1, between 0 and 1"
        )
    table = _checked(variants)
    names, grid = np.unique(table["variant"]), ccf_grid()
    samples = sorted(table["sample"].unique())
    laws = zip(_each(precision, samples, "precision"), _each(error, samples, "error"), strict=True)
    parts = [table[table["sample"] == sample] for sample in samples]
    likelihood = [log_likelihood(part, grid, *law) for part, law in zip(parts, laws, strict=True)]
    rows = [np.searchsorted(names, part["variant"]) for part in parts]
    reads = [mixture.reads(*each) for each in zip(rows, likelihood, strict=True)]
    with np.errstate(divide="ignore"):
        prior = np.log(np.r_[absent, (1 - absent) * np.diff(_upper_ends(grid))])
    data = mixture.Data(reads, prior, len(names))
    found = mixture.fits(data, most, starts, np.random.default_rng(seed))
    with_reads = [mine[part["t_depth"] > 0] for mine, part in zip(rows, parts, strict=True)]
    return _labelled(found, names, dict(zip(samples, with_reads, strict=True)), grid, level)


def multiplicity_prior(copies: int) -> Array:
    """Prior chance that a mutation is on 1, 2, ... `copies` of the copies in a cell.

    .01 for all of two or more, .25 together for 2 to all but one, else one: most mutations came
    after a gain, or are on a copy that was not gained.
    """
    chance = np.full(copies, GAINED / max(copies - 2, 1))
    chance[-1] = EVERY_COPY
    chance[0] = 1 - chance[1:].sum()
    return np.asarray(chance)


def ccf_grid() -> Array:
    """0, then CCFs from 1e-4 in steps of 8 % up to .1, then of .01 up to 1."""
    turn = 10 * STEP
    few = math.ceil(math.log(turn / LOWEST) / math.log(GROWTH))
    even = np.linspace(turn, 1, round((1 - turn) / STEP) + 1)
    return np.asarray(np.r_[0.0, np.geomspace(LOWEST, turn, few, endpoint=False), even])


def quantiles(posterior: Array, grid: Array, chance: Array) -> Array:
    """CCFs below which a posterior has given chances; it is taken to be even within a cell.

    Parameters
    ----------
    posterior : probability of each point of `grid`
    chance : 0 to 1, any shape
    """
    return np.asarray(np.interp(chance, np.cumsum(posterior), _upper_ends(grid)))


def _upper_ends(grid: Array) -> Array:
    """Where the cells of the points end; the first, 0, is a cell without width."""
    return np.asarray(np.r_[0.0, (grid[1:-1] + grid[2:]) / 2, grid[-1]])


def _checked(variants: pd.DataFrame) -> pd.DataFrame:
    """The rows with counts, all columns there, in order."""
    if missing := [name for name in NEEDED if name not in variants]:
        raise InputError(f"variants has no column {', '.join(missing)}; add it")
    table = variants.dropna(subset=list(COUNTS)).reindex(columns=[*NEEDED[:2], *NUMBERS])
    table["normal_copies"] = table["normal_copies"].fillna(2)
    lost = sorted(set(variants["variant"]) - set(table["variant"]), key=str)
    if lost or table.empty:
        named = ", ".join(map(str, lost[:3])) or "none is given"
        raise InputError(f"variants without reads in any sample: {named}; leave them out")
    try:
        table = table.astype(dict.fromkeys(NUMBERS, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"variants: {error}; give numbers") from None
    _check_values(table)
    if (twice := table.duplicated(["variant", "sample"])).any():
        row = table[twice].iloc[0]
        raise InputError(f"variant {row['variant']}: two rows of sample {row['sample']}; drop one")
    return table.sort_values(["variant", "sample"], ignore_index=True)


def _check_values(table: pd.DataFrame) -> None:
    """Refuse the first value that cannot be."""
    alt, depth, purity, copies, normal, several = (table[name] for name in NUMBERS)
    several = several.fillna(1)
    fine = {
        "t_depth": depth.ge(0) & depth.mod(1).eq(0),
        "t_alt_count": alt.between(0, depth) & alt.mod(1).eq(0),
        "purity": purity.gt(0) & purity.le(1),
        "copy_number": copies.ge(1) & copies.mod(1).eq(0),
        "normal_copies": normal.ge(0) & normal.mod(1).eq(0),
        "multiplicity": several.between(1, copies) & several.mod(1).eq(0),
    }
    for name, good in fine.items():
        if not good.all():
            row = table[~good].iloc[0]
            raise InputError(
                f"{name} of variant {row['variant']} in sample {row['sample']} is {row[name]:g}; "
                "needed are whole 0 <= t_alt_count <= t_depth, 0 < purity <= 1, and whole copies, "
                "1 <= multiplicity <= copy_number"
            )


def _each(value: PerSample, samples: list[str], name: str) -> list[float]:
    """A value for each sample: `precision` above 0, or `error` from 0 to below 1."""
    each = dict(value) if isinstance(value, Mapping) else dict.fromkeys(samples, value)
    low, high = (0.0, 1.0 - TINY) if name == "error" else (TINY, math.inf)
    for sample in samples:
        if not low <= each.get(sample, math.nan) <= high:
            limits = "from 0 to below 1" if name == "error" else "above 0"
            raise InputError(f"{name} of sample {sample} is {each.get(sample)}; give one {limits}")
    return [float(each[sample]) for sample in samples]


def log_likelihood(table: pd.DataFrame, grid: Array, precision: float, error: float) -> Array:
    """Log-probability of the reads of one sample at each CCF, variants x grid.

    Parameters
    ----------
    table : as for `cluster`, with all its columns
    grid : CCFs
    """
    columns = (table[name].to_numpy(float)[:, None] for name in NUMBERS)
    alt, depth, p, copies, normal, known = columns
    per_copy = (1 - error) * p / (p * copies + (1 - p) * normal)
    total = np.full((len(table), len(grid)), -np.inf)
    priors = {int(c): multiplicity_prior(int(c)) for c in np.unique(copies)}
    for m in range(1, max(priors) + 1):
        free = np.array([[priors[int(c)][m - 1] if m <= c else 0.0] for c in copies[:, 0]])
        chance = np.where(np.isnan(known), free, known == m)
        some = np.flatnonzero(chance)
        mean = error + m * per_copy[some] * grid
        reads = _beta_binomial(alt[some], depth[some], mean, precision)
        total[some] = np.logaddexp(total[some], np.log(chance[some]) + reads)
    return total


def _beta_binomial(k: Array, n: Array, mean: Array, precision: float) -> Array:
    """Log-probability of k of n reads at a mean share; alpha + beta is the precision."""
    v = np.clip(mean, TINY, 1 - TINY)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    if math.isinf(precision):
        return np.asarray(ways + xlogy(k, v) + xlog1py(n - k, -v))
    a, b = v * precision, (1 - v) * precision
    seen = gammaln(k + a) + gammaln(n - k + b) - gammaln(n + precision)
    return np.asarray(ways + seen - gammaln(a) - gammaln(b) + gammaln(precision))


def _labelled(
    found: list[mixture.Fit],
    names: NDArray[np.object_],
    measured: dict[str, NDArray[np.intp]],
    grid: Array,
    level: float,
) -> Clones:
    """The fit of highest evidence that leaves no clone empty, with names.

    measured : by sample, the numbers of the variants with reads
    """
    full = [f for f in found if len(set(f.responsibility.argmax(axis=1))) == len(f.posterior)]
    best = max(full, key=lambda fit: fit.evidence)
    order = np.argsort(-(best.posterior @ grid).sum(axis=1), kind="stable")
    posterior, number = best.posterior[order], pd.RangeIndex(1, len(order) + 1, name="cluster")
    shares = pd.DataFrame(best.responsibility[:, order], pd.Index(names, name="variant"), number)
    chosen = shares.idxmax(axis=1)
    counts = [
        np.bincount(chosen.to_numpy()[mine], minlength=len(order) + 1) for mine in measured.values()
    ]
    assignment = pd.DataFrame({"cluster": chosen, "probability": shares.max(axis=1)})
    numbers = pd.RangeIndex(1, len(found) + 1, name="clones")
    evidence = pd.Series([fit.evidence for fit in found], numbers, name="evidence")
    limits = np.array([[_interval(q, grid, level) for q in clone] for clone in posterior])
    clusters = pd.DataFrame(
        {
            "cluster": np.repeat(number, len(measured)),
            "sample": np.tile(np.array(list(measured), object), len(number)),
            "ccf": (posterior @ grid).ravel(),
            "lower": limits[..., 0].ravel(),
            "upper": limits[..., 1].ravel(),
            "variants": np.repeat(np.bincount(chosen)[1:], len(measured)),
            "measured": np.array(counts)[:, 1:].T.ravel(),
        }
    )
    return Clones(clusters, assignment, evidence, posterior, grid, shares)


def _interval(posterior: Array, grid: Array, level: float) -> tuple[float, float]:
    """The shortest interval that holds this share of a posterior; it may end at 0 or at 1."""
    below = np.linspace(0, 1 - level, 101)
    low, high = (quantiles(posterior, grid, chance) for chance in (below, below + level))
    best = int(np.argmin(high - low))
    return float(low[best]), float(high[best])
