"""Births and fates of mutant lineages while the rates change from phase to phase, drawn exactly.

Symbols as in `branching`. The sensitive cells N(t) follow their mean, mutants are born at the rate
u r N(t), and what one leaves at the end is known without steps of time (Kendall 1948): with
probability S anything at all, and then a geometric number of cells with mean 1/p = G/S, where G is
the mean growth since its birth. Nothing is replaced by its mean or by a normal law:

- Births of lineages that survive are proposed slice of time by slice, at the highest rate of the
  slice, and thinned. So work grows with the lineages that survive, not with mutations or cells.
- From `MANY` survivors a patient on, lineages of up to `least` cells are not drawn one by one: how
  many have exactly n cells is Poisson, independently for each n (marking theorem), and only
  larger ones are proposed. The law is the same; work falls, of mutants as fit as the sensitive
  cells about to the root of the number of lineages.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from allrelapse.errors import InputError
from allrelapse.evolution.kernel import survival
from allrelapse.evolution.therapy import Phase

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MANY = 100
"""Surviving lineages a patient from which small ones are counted by size."""

LEAST = 10_000  # cells of the largest that are counted by size
MOST = 1e12  # surviving lineages a patient that can be drawn
NEAR = 1e-3  # to 0, where series take the place of differences
LONG, TINY = 690.0, 1e-300  # largest exponent, and smallest p: no lineage has more than 1e300 cells
GUIDE = 2048  # places of the table that finds a slice
STEP = 0.1  # of a slice, relative to the time that is left
EVEN, SCALES = 0.25, 50  # of a slice, by the time in which mutants grow e-fold, and as far as that
POINTS, WEIGHTS = (x / 2 for x in np.polynomial.legendre.leggauss(16))


class Plan(NamedTuple):
    """What `drawn` needs: numbers, then one value for each slice of time.

    few : mean numbers of lineages of 1, 2, ... cells at the end that are drawn by size
    proposals : mean number of larger lineages, before thinning
    guide : first slice that may hold a place among the proposals
    share : of the proposals, up to and with the slice
    left, span : days from the end of the slice to that of its phase, and its own
    net : growth of the sensitive cells per day
    birth, growth : of the mutants, a and a - c per day
    later, grown : 1/S and G of a mutant at the end of the phase
    top : highest rate of births that are kept, where it is 1 for births at the end of the slice
    """

    few: Array
    proposals: float
    guide: Counts
    share: Array
    left: Array
    span: Array
    net: Array
    birth: Array
    growth: Array
    later: Array
    grown: Array
    top: Array

    @property
    def work(self) -> float:
        """Draws that a patient takes, about."""
        return 1 + len(self.few) + self.proposals


class _Stretch(NamedTuple):
    """A phase, and what its end is like: log of the sensitive cells, 1/S and G of a mutant."""

    phase: Phase
    log_cells: float
    later: float
    grown: float

    def births(self, left: Array) -> Array:
        """Divisions of sensitive cells per day, r N, by the days that are left of the phase."""
        net = self.phase.r - self.phase.d
        return np.asarray(self.phase.r * np.exp(self.log_cells - net * left))

    def fate(self, left: Array) -> tuple[Array, Array]:
        """S and p of mutants by the days that are left."""
        alive = survival(self.phase.a, self.phase.c, left, 1 / self.later)
        shrunk = np.exp(np.minimum((self.phase.c - self.phase.a) * left, LONG))
        return alive, np.clip(alive * shrunk / self.grown, TINY, 1)


def plan(phases: Sequence[Phase], cells: float, u: float) -> Plan:
    """Slices of time, and how many lineages to propose in them.

    Parameters
    ----------
    phases : one after the other, of finite length, rates checked
    cells : sensitive cells at the start
    u : mutations to resistance per division

    Raises
    ------
    InputError
        If more than `MOST` lineages would survive in each patient.

    Source: Kendall 1948, Ann Math Stat 19:1; Kingman 1993, Poisson Processes, section 5.2.
    """
    parts = [(stretch, _edges(stretch.phase)) for stretch in _backwards(phases, cells)]
    living, stop = np.hstack([_nodes(*part) for part in parts])
    mean = u * living.sum()
    if mean > MOST:
        raise InputError(
            f"u {u}: {mean:.1e} lineages would survive in each patient, and at most {MOST:g} can "
            "be drawn; lower u or the number of cells, or take the mean"
        )
    few = _by_size(u * living, stop, int(min(np.sqrt(mean), LEAST)) if mean >= MANY else 0)
    slices = np.hstack([_slices(*part, len(few)) for part in parts])
    proposals = float(u * slices[0].sum())
    share = np.cumsum(slices[0]) / max(slices[0].sum(), TINY)
    share[-1] = 1.0
    guide = np.searchsorted(share, np.arange(GUIDE) / GUIDE)
    return Plan(few, proposals, guide, share, *slices[1:])


def _backwards(phases: Sequence[Phase], cells: float) -> Iterator[_Stretch]:
    """Phases from the last to the first, with what their ends are like."""
    with np.errstate(divide="ignore"):
        logs = np.log(cells) + np.cumsum([(x.r - x.d) * x.days for x in phases])
    later, growth = 1.0, 0.0
    for phase, log_cells in zip(reversed(phases), logs[::-1], strict=True):
        stretch = _Stretch(phase, float(log_cells), later, float(np.exp(growth)))
        yield stretch
        alive, _ = stretch.fate(np.array(phase.days))
        later = 1 / max(float(alive), TINY)
        growth = float(np.clip(growth + (phase.a - phase.c) * phase.days, -LONG, LONG))


def _edges(phase: Phase) -> Array:
    """Days left at the ends of slices in which the chances of a mutant change little."""
    fast, growth = phase.a + phase.c + abs(phase.r - phase.d), abs(phase.a - phase.c)
    inner = np.empty(0)
    if fast > 0:
        inner = np.expm1(np.arange(STEP, np.log1p(phase.days * fast), STEP)) / fast
    if growth > 0:
        inner = np.r_[inner, np.arange(EVEN, min(SCALES, growth * phase.days), EVEN) / growth]
    return np.unique(np.r_[0.0, inner[inner < phase.days], phase.days])


def _nodes(stretch: _Stretch, edges: Array) -> Array:
    """Divisions times S, and p, at the nodes of a Gaussian rule in each slice."""
    span = np.diff(edges)[:, None]
    left = edges[:-1, None] + span * (POINTS + 0.5)
    alive, stop = stretch.fate(left)
    return np.array([(stretch.births(left) * span * WEIGHTS * alive).ravel(), stop.ravel()])


def _by_size(living: Array, stop: Array, least: int) -> Array:
    """Mean numbers of lineages of 1 ... `least` cells, of so many `living` ones with these p."""
    few, having = np.empty(least), living * stop
    for n in range(least):
        few[n] = having.sum()
        having *= 1 - stop
    return few


def _slices(stretch: _Stretch, edges: Array, least: int) -> Array:
    """Proposals for u = 1, then the fields of a plan from `left` on; 9 x slices."""
    left, span, net = edges[:-1], np.diff(edges), stretch.phase.r - stretch.phase.d
    # S and p are monotone within a phase, p the lower the longer a lineage has grown
    alive, stop = stretch.fate(edges)
    top = np.maximum(alive[:-1], alive[1:]) * (1 - stop[1:]) ** least
    top *= np.maximum(np.exp(-net * span), 1)
    phase = [net, stretch.phase.a, stretch.phase.a - stretch.phase.c, stretch.later, stretch.grown]
    same = [np.full(len(left), value) for value in phase]
    return np.array([stretch.births(left) * span * top, left, span, *same, top])


@njit(nogil=True, cache=True, error_model="numpy")
def drawn(plan: Plan, patients: int, rng: Generator) -> tuple[Counts, Array]:
    """Lineages alive at the end in each patient, and cells of all of them."""
    lineages, cells = np.zeros(patients, np.int64), np.zeros(patients)
    least = len(plan.few)
    for i in range(patients):
        for n in range(least):
            number = rng.poisson(plan.few[n])
            lineages[i] += number
            cells[i] += number * (n + 1.0)
        # a Poisson number of proposals: as many as fit, an exponential distance apart
        place = rng.standard_exponential()
        while place < plan.proposals:
            size = _larger(plan, least, rng)
            if size > 0:
                lineages[i] += 1
                cells[i] += size
            place += rng.standard_exponential()
    return lineages, cells


@njit(nogil=True, cache=True, error_model="numpy")
def _larger(plan: Plan, least: int, rng: Generator) -> float:
    """Cells of a proposed lineage, above `least`; 0 if it is not kept.

    As floats: `math.floor` would make whole numbers that wrap above 9.2e18.
    """
    place = rng.random()
    k = plan.guide[int(place * GUIDE)]
    while plan.share[k] < place:
        k += 1
    ago = rng.random() * plan.span[k]
    alive, stop = _fate(
        plan.left[k] + ago, plan.birth[k], plan.growth[k], plan.later[k], plan.grown[k]
    )
    chance = math.exp(-plan.net[k] * ago) * alive
    if least > 0:
        chance *= (1 - stop) ** least
    if rng.random() * plan.top[k] >= chance:
        return 0.0
    # what a geometric number has beyond `least` is geometric again
    return least + 1 + float(np.floor(rng.standard_exponential() / _surprise(stop)))


@njit(nogil=True, cache=True, error_model="numpy")
def _fate(
    left: float, birth: float, growth: float, later: float, grown: float
) -> tuple[float, float]:
    """S of a mutant born with so many days left of its phase, and p if it survives.

    1/S = e^(-growth left) later + a (1 - e^(-growth left))/growth and p = S/G. The number at the
    end is 0 or geometric under all rates that depend on time alone (Kendall 1948, section 2).
    Written out, as the compiled `expm1` takes longer than all the rest; exact to 12 digits.
    """
    shift = -growth * left
    shrunk = math.exp(min(shift, LONG))
    if abs(shift) < NEAR:
        flow = left * (1 + shift / 2 * (1 + shift / 3 * (1 + shift / 4)))
    else:
        flow = left * (shrunk - 1) / shift
    alive = 1 / (shrunk * later + birth * flow)
    return alive, min(max(alive * shrunk / grown, TINY), 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _surprise(stop: float) -> float:
    """-log(1 - stop), to 12 digits."""
    if stop < NEAR:
        return stop * (1 + stop * (1 / 2 + stop * (1 / 3 + stop / 4)))
    return -math.log(1 - stop)
