"""The clones of one leukaemia: who descends from whom, and how many cells each has when."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from allrelapse.simulate import disease
from allrelapse.simulate.disease import Disease
from allrelapse.simulate.kinetics import Floats
from allrelapse.simulate.settings import Settings
from allrelapse.simulate.targets import BACKGROUND, SIGNATURES

TRUNK, MAJOR, MINOR, PERSISTER = range(4)
NAMES = ("trunk", "major", "minor", "persister")
SBS2, SBS13 = SIGNATURES.index("SBS2"), SIGNATURES.index("SBS13")


@dataclass(frozen=True)
class Clones:
    """Clones as columns: trunk, major and minor subclone at diagnosis, persister, then lineages.

    parent : index of the parent, -1 for the trunk
    founded : day since diagnosis
    at_diagnosis, at_relapse : share of the leukaemia cells that carry its mutations (CCF)
    load : clones x signatures, mutations that its founder has and its parent has not (mean)
    lineage : index among the visible lineages, -1 for the first four
    """

    parent: np.ndarray
    founded: Floats
    at_diagnosis: Floats
    at_relapse: Floats
    load: Floats
    lineage: np.ndarray

    def name(self, clone: int) -> str:
        """`trunk`, `major`, `minor`, `persister`, or `relapse-1` for the largest lineage."""
        return NAMES[clone] if clone < len(NAMES) else f"relapse-{self.lineage[clone] + 1}"

    def over_time(self, case: Disease, days: Floats) -> tuple[Floats, Floats]:
        """Leukaemia cells on each day, and those that carry each clone's mutations (clones x days).

        Sensitive cells stay as they were at diagnosis; persisters descend from their ancestor.
        """
        resting = case.traits.persisters * np.exp(-case.traits.decline * days)
        dying = case.sensitive(days) - resting
        lineages = case.cells(days)
        cells = self.at_diagnosis[:, None] * dying
        for clone in range(len(self.parent)):
            own = lineages[self.lineage[clone]] if self.lineage[clone] >= 0 else 0.0 * days
            own = resting if clone == PERSISTER else own
            ancestor = clone
            while ancestor >= 0:
                cells[ancestor] = cells[ancestor] + own
                ancestor = self.parent[ancestor]
        return dying + resting + lineages.sum(axis=0), cells


def clones(case: Disease, age: float, settings: Settings, rng: Generator) -> Clones:
    """Draw the clonal history of a leukaemia that came back."""
    s, visible = settings, len(case.lineages)
    ancestors = _ancestors(visible, s, rng)
    if case.traits.mmr:  # lost once, by a cell from which all of them descend
        ancestors[:] = ancestors[0]
    shared = ancestors[0] if (ancestors == ancestors[0]).all() else TRUNK
    polyclonal = _polyclonal(case)
    parent = np.r_[-1, TRUNK, TRUNK, shared, np.where(ancestors == shared, PERSISTER, ancestors)]
    major = rng.uniform(0.35, 0.8)
    at_diagnosis = np.r_[1, major, rng.uniform(0.03, min(0.25, 1 - major)), np.zeros(1 + visible)]
    at_relapse = np.r_[np.zeros(4), case.share]
    for clone in range(3 + visible, 0, -1):  # children come after their parents
        if parent[clone] > TRUNK:
            at_relapse[parent[clone]] += at_relapse[clone]
    at_relapse[TRUNK] = 1.0
    days = np.where(polyclonal, -1.0, case.lineages.born)
    load = np.vstack(
        [
            _trunk(age, s, rng),
            s.subclonal * BACKGROUND,
            s.subclonal * BACKGROUND,
            np.zeros(len(SIGNATURES)),
            *(
                _lineage(case, s, day, bool(many))
                for day, many in zip(days, polyclonal, strict=True)
            ),
        ]
    )
    early = -rng.uniform(20, 200, 3) * np.array([10, 1, 1])
    founded = np.r_[early, -1.0, case.lineages.born]
    for clone in range(3 + visible, 0, -1):  # no clone is older than the one it comes from
        founded[parent[clone]] = min(founded[parent[clone]], founded[clone])
    lineage = np.r_[np.full(4, -1), np.arange(visible)]
    return Clones(parent, founded, at_diagnosis, at_relapse, load, lineage)


def therapy_mutations(case: Disease, settings: Settings, day: float) -> Floats:
    """Mean mutations of a persister's lineage from diagnosis to a day, per signature."""
    total = np.zeros(len(SIGNATURES))
    for phase in case.phases[:-1]:
        days = np.clip(day - phase.start, 0, phase.end - phase.start)
        rates = disease.mutation_rates(case.traits, settings, phase)
        total += rates * settings.persister_division * days
    return total


def _ancestors(number: int, settings: Settings, rng: Generator) -> np.ndarray:
    """From which clone at diagnosis each lineage descends."""
    kinds = list(settings.ancestors)
    weights = np.array([settings.ancestors[kind] for kind in kinds])
    kind = kinds[int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random()))]
    if kind == "several":
        return rng.choice([MAJOR, MINOR], number)
    return np.full(number, {"minor": MINOR, "major": MAJOR, "unseen": TRUNK}[kind])


def _polyclonal(case: Disease) -> np.ndarray:
    """Lineages that stand for so many cells that these share no mutations of their own."""
    many = case.lineages.cells >= disease.POLYCLONAL
    return np.asarray((case.lineages.kind == disease.REGROWTH) & many)


def _trunk(age: float, settings: Settings, rng: Generator) -> Floats:
    """Mutations of the cell from which the leukaemia grew."""
    s = settings
    load = (s.prenatal * rng.lognormal(0, s.prenatal_sd) + s.clock * age) * BACKGROUND
    if rng.random() < s.apobec:
        load[[SBS2, SBS13]] += s.apobec_load * rng.exponential() / 2
    return np.asarray(load)


def _lineage(case: Disease, settings: Settings, day: float, polyclonal: bool) -> Floats:
    """Mutations of the founder of a lineage: before diagnosis, and under therapy up to `day`."""
    if polyclonal:
        return np.zeros(len(SIGNATURES))
    return settings.subclonal * BACKGROUND + therapy_mutations(case, settings, day)
