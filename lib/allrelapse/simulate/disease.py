"""One leukaemia from diagnosis to relapse: which cells outlive therapy, and which grow."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.random import Generator

from allrelapse.simulate import kinetics
from allrelapse.simulate.kinetics import Floats
from allrelapse.simulate.settings import Phase, Settings
from allrelapse.simulate.targets import BACKGROUND, MISMATCH_REPAIR_GENES, SIGNATURES, Targets

KINDS = ("pre-existing", "standing", "acquired", "other", "regrowth")
"""How a lineage came to be: resistant to all drugs before diagnosis; resistant to one drug before
diagnosis; by a mutation in one of the 12 genes under therapy; by an unknown change under therapy;
not at all, but asleep until therapy was over."""
PRE_EXISTING, STANDING, ACQUIRED, OTHER, REGROWTH = range(5)
VISIBLE = 0.05
"""Share of the cells at relapse from which a lineage counts."""
POLYCLONAL = 5
"""From so many cells that outlive therapy, what regrows has no mutations in common."""


@dataclass(frozen=True)
class Traits:
    """What makes one leukaemia differ from another; rates per day, numbers of cells.

    mmr : the lost gene of mismatch repair, or empty
    thiopurine, sbs86 : mutations per day that the drugs cause while they are given
    """

    burden: float
    sensitive_kill: float
    persisters: float
    decline: float
    doubling: float
    regrowth_doubling: float
    detection: float
    thiopurine: float
    sbs86: float
    mmr: str


@dataclass(frozen=True)
class Lineages:
    """Lineages as columns: one entry per lineage, all of the same length.

    kind : index in `KINDS`
    target : index of the resistance target, -1 for none
    cause : index in `CAUSES` of what made its mutation, -1 for none
    born : day on which its resistance arose, before diagnosis below 0
    start, cells : day from which it is followed, and its cells then
    birth, death : rates per phase, lineages x phases
    """

    kind: np.ndarray
    target: np.ndarray
    cause: np.ndarray
    born: Floats
    start: Floats
    cells: Floats
    birth: Floats
    death: Floats

    def __len__(self) -> int:
        return len(self.kind)

    def where(self, mask: np.ndarray) -> Self:
        """The lineages that a mask selects."""
        return type(self)(**{f.name: getattr(self, f.name)[mask] for f in fields(self)})

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All lineages of several groups."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


@dataclass(frozen=True)
class Disease:
    """A leukaemia that came back.

    day : of the relapse, since diagnosis
    lineages : those that are visible at relapse, the largest first
    share : of the cells at relapse, per lineage
    ends : cells of each lineage at the end of each phase
    phases : of therapy and the time after it
    """

    traits: Traits
    day: float
    lineages: Lineages
    share: Floats
    ends: Floats
    phases: tuple[Phase, ...]

    def cells(self, days: Floats) -> Floats:
        """Cells of each lineage on each day, lineages x days (their mean growth in between)."""
        return _cells(self.lineages, self.ends, self.phases, np.asarray(days, float))

    def sensitive(self, days: Floats) -> Floats:
        """Sensitive and persisting cells on each day."""
        t = np.asarray(days, float)
        dying = self.traits.burden * np.exp(-self.traits.sensitive_kill * t)
        return dying + self.traits.persisters * np.exp(-self.traits.decline * t)


def traits(settings: Settings, rng: Generator) -> Traits:
    """Draw what one leukaemia is like."""
    s, z = settings, rng.standard_normal(8)
    z[1] = -s.persisters_kill * z[2] + np.sqrt(1 - s.persisters_kill**2) * z[1]
    burden = s.burden * 10 ** (s.burden_sd * z[0])
    prone, prone86, deficient = rng.random(3) < (s.thiopurine_prone, s.sbs86_prone, s.mmr_deficient)
    return Traits(
        burden=burden,
        sensitive_kill=max(s.sensitive_kill + s.sensitive_kill_sd * z[1], 0.05),
        persisters=min(s.persisters * 10 ** (s.persisters_sd * z[2]), 1e-3) * burden,
        decline=max(s.persister_decline + s.persister_decline_sd * z[3], 1e-3),
        doubling=s.doubling * float(np.exp(s.doubling_sd * z[4])),
        regrowth_doubling=s.regrowth_doubling * float(np.exp(0.3 * z[5])),
        detection=s.detection * 10 ** (s.detection_sd * z[6]),
        thiopurine=prone * s.thiopurine_load * float(np.exp(s.thiopurine_load_sd * z[7])),
        sbs86=prone86 * s.sbs86_load * float(rng.lognormal(0, s.thiopurine_load_sd)),
        mmr=MISMATCH_REPAIR_GENES[rng.integers(3)] if deficient else "",
    )


def mutation_rates(person: Traits, settings: Settings, phase: Phase) -> Floats:
    """Mutations per genome and division of a persister in a phase, per signature."""
    daily = settings.therapy_load * BACKGROUND
    rates = settings.mutations_per_division * BACKGROUND
    if person.mmr:
        extra = settings.mutations_per_division * (settings.mmr_load - 1)
        rates = rates + extra * (np.array(SIGNATURES) == "SBS44")
    if "thiopurine" in phase.drugs:
        daily[SIGNATURES.index("SBS87")] += person.thiopurine
    if "cyclophosphamide" in phase.drugs or "anthracycline" in phase.drugs:
        daily[SIGNATURES.index("SBS86")] += person.sbs86 * (phase.start > 0)
    return np.asarray(rates + daily / settings.persister_division)


def relapse(person: Traits, settings: Settings, where: Targets, rng: Generator) -> Disease | None:
    """Follow a leukaemia through therapy and after; None if it has not come back by the horizon."""
    course = Course.planned(person, settings, where)
    lineages = Lineages.joined(
        [
            _pre_existing(course, rng),
            _standing(course, rng),
            _acquired(course, rng),
            _other(course, rng),
            _regrowth(course, rng),
        ]
    )
    if len(lineages) == 0:
        return None
    ends = _followed(lineages, course.phases, rng)
    day = _detected(lineages, ends, course.phases, person.detection)
    if day is None:
        return None
    cells = _cells(lineages, ends, course.phases, np.array([day]))[:, 0]
    share = cells / cells.sum()
    order = np.argsort(-share, kind="stable")
    order = order[: max(int((share >= VISIBLE).sum()), 1)]
    return Disease(person, day, lineages.where(order), share[order], ends[order], course.phases)


@dataclass(frozen=True)
class Course:
    """A leukaemia and its treatment.

    phases : of therapy, and the time after it
    escape : share of the mutants of each target that outgrow the therapy
    active : targets x phases, whether a mutant grows: its drug is given, or none is; a last row
        for lineages that resist everything
    """

    person: Traits
    settings: Settings
    where: Targets
    phases: tuple[Phase, ...]
    escape: Floats
    active: np.ndarray

    @classmethod
    def planned(cls, person: Traits, settings: Settings, where: Targets) -> Self:
        """The course of a leukaemia under the protocol."""
        after = Phase(name="after therapy", start=settings.phases[-1].end, end=settings.horizon)
        phases = (*settings.phases, after)
        drugs = np.append(where.drug, "multi")
        active = [(drugs == "multi") | np.isin(drugs, p.drugs or drugs) for p in phases]
        others = np.array([settings.escape_of.get(gene, 1.0) for gene in where.gene])
        escape = settings.escape * others * np.where(where.loss, settings.second_hit, 1.0)
        return cls(person, settings, where, phases, escape, np.array(active).T)

    def mutants(
        self, kind: int, target: np.ndarray, cause: np.ndarray, born: Floats, rng: Generator
    ) -> Lineages:
        """Lineages of one resistant cell; where they do not resist they dwindle as persisters.

        Resistance to one drug is partial under the others: growth is a share of what it is
        without therapy. Some rest, unharmed, and wake up like persisters when therapy is over.
        """
        start = np.maximum(born, 0)
        asleep = (rng.random(len(target)) < self.settings.dormant) & (kind in (STANDING, ACQUIRED))
        wake = self.phases[-1].start + rng.exponential(self.settings.awakening, len(target))
        start = np.where(asleep, wake, start)
        grows = self.active[np.full(len(target), -1) if kind == PRE_EXISTING else target]
        net = np.log(2) / self.person.doubling
        strength = rng.uniform(self.settings.weakest, 1, len(target))[:, None]
        on_therapy = np.arange(len(self.phases)) < len(self.phases) - 1
        partly = on_therapy & (kind != PRE_EXISTING)
        net = np.where(asleep, np.log(2) / self.person.regrowth_doubling, net)[:, None]
        birth = net / (1 - self.settings.turnover) * np.ones_like(grows, float)
        death = birth - net * np.where(partly, strength, 1.0)
        rest = self.settings.persister_division
        birth = np.where(grows, birth, rest)
        death = np.where(grows, death, rest + self.person.decline)
        cells, kinds = np.ones(len(target)), np.full(len(target), kind)
        return Lineages(kinds, target, cause, born, start, cells, birth, death)

    def rates(self, phase: Phase | None) -> Floats:
        """Mutants that can outgrow the therapy per division, targets x causes.

        In a phase of therapy, or without damage before diagnosis (None).
        """
        s = self.settings
        background = s.mutations_per_division * BACKGROUND
        mutations = background if phase is None else mutation_rates(self.person, s, phase)
        hits = self.where.hit * np.append(mutations, s.deletion_rate)
        return np.asarray(hits * self.escape[:, None])

    def divisions(self, start: float, end: float) -> float:
        """Divisions of persisters between two days: the integral of number times rate."""
        p = self.person
        left = [p.persisters * float(np.exp(-p.decline * day)) for day in (start, end)]
        return self.settings.persister_division * (left[0] - left[1]) / p.decline


def _pre_existing(course: Course, rng: Generator) -> Lineages:
    """Mutants that withstand the whole therapy, alive at diagnosis."""
    s, where = course.settings, course.where
    cells = kinetics.mutants_at(course.person.burden, s.multidrug_rate, s.birth, s.death, rng)
    early = np.isin(where.drug, ["glucocorticoid", "multi"])
    by_cause = early[:, None] * course.rates(None)
    target, cause = _drawn(by_cause, len(cells), rng)
    gene = rng.random(len(cells)) < s.multidrug_in_genes
    target, cause = np.where(gene, target, -1), np.where(gene, cause, -1)
    # n cells are about ln n / net growth days old; those of few cells are young
    born = -np.log(cells) / (s.birth - s.death) - rng.exponential(1 / s.birth, len(cells))
    mutants = course.mutants(PRE_EXISTING, target, cause, born, rng)
    return replace(mutants, cells=cells)


def _standing(course: Course, rng: Generator) -> Lineages:
    """Mutants among the persisters on the day of diagnosis."""
    s, by_cause = course.settings, course.rates(None)
    number = rng.poisson(course.person.persisters * s.standing * by_cause.sum())
    born = -rng.exponential(s.standing / s.birth, number)
    return course.mutants(STANDING, *_drawn(by_cause, number, rng), born, rng)


def _acquired(course: Course, rng: Generator) -> Lineages:
    """Mutants of the 12 genes that arise in persisters under therapy."""
    born, drawn = [], []
    for phase in course.phases[:-1]:
        by_cause = course.rates(phase)
        number = rng.poisson(course.divisions(phase.start, phase.end) * by_cause.sum())
        decline = -course.person.decline
        born.append(kinetics.times_on_exponential(phase.start, phase.end, decline, number, rng))
        drawn.append(_drawn(by_cause, number, rng))
    target, cause = (np.concatenate(part) for part in zip(*drawn, strict=True))
    return course.mutants(ACQUIRED, target, cause, np.concatenate(born), rng)


def _other(course: Course, rng: Generator) -> Lineages:
    """Lineages that resist by a change that is not in the 12 genes."""
    end = course.phases[-1].start
    number = rng.poisson(course.divisions(0, end) * course.settings.other_rate)
    born = kinetics.times_on_exponential(0, end, -course.person.decline, number, rng)
    none = np.full(number, -1)
    return course.mutants(OTHER, none, none, born, rng)


def _regrowth(course: Course, rng: Generator) -> Lineages:
    """Persisters that outlive therapy, wake up and grow."""
    person, s, end = course.person, course.settings, course.phases[-1].start
    left = rng.poisson(min(person.persisters * np.exp(-person.decline * end), 1e15))
    number = int(left) if left < POLYCLONAL else 1
    cells = np.ones(number) if left < POLYCLONAL else np.array([float(left)])
    start = end + rng.exponential(s.awakening, number)
    birth = np.log(2) / person.regrowth_doubling / (1 - s.turnover)
    rates = np.full((number, len(course.phases)), birth)
    kind, none = np.full(number, REGROWTH), np.full(number, -1)
    return Lineages(kind, none, none, start, start, cells, rates, rates * s.turnover)


def _drawn(weights: Floats, number: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a matrix, drawn in proportion to its entries."""
    edges = np.cumsum(weights)
    place = np.searchsorted(edges, rng.random(number) * edges[-1], side="right")
    row, column = np.divmod(place, weights.shape[1])
    return row, column


def _followed(lineages: Lineages, phases: tuple[Phase, ...], rng: Generator) -> Floats:
    """Cells of each lineage at the end of each phase, by birth and death."""
    cells = lineages.cells
    ends = np.zeros((len(lineages), len(phases)))
    for p, phase in enumerate(phases):
        days = np.clip(phase.end - np.maximum(lineages.start, phase.start), 0, None)
        if phase is phases[-1]:  # long and without events of its own: only its start is random
            days = np.minimum(days, 400)
        cells = kinetics.grown(cells, lineages.birth[:, p], lineages.death[:, p], days, rng)
        ends[:, p] = cells
    return ends


def _cells(lineages: Lineages, ends: Floats, phases: tuple[Phase, ...], days: Floats) -> Floats:
    """Cells on given days: backwards from the end of the phase at the mean rate."""
    starts = np.array([phase.start for phase in phases])
    stops = np.array([phase.end for phase in phases])
    p = np.clip(np.searchsorted(starts, days, side="right") - 1, 0, None)
    net = (lineages.birth - lineages.death)[:, p]
    begin = np.maximum(lineages.start[:, None], starts[p])
    last = p == len(phases) - 1
    followed = np.where(last, np.minimum(stops[p], begin + 400), stops[p])
    cells = ends[:, p] * np.exp(np.clip(net * (days - followed), -700, 300))
    return np.where(days >= lineages.start[:, None], cells, 0.0)


def _detected(
    lineages: Lineages, ends: Floats, phases: tuple[Phase, ...], detection: float
) -> float | None:
    """The first day with `detection` cells; None if there is none."""
    for phase in phases:
        edge = np.array([phase.end - 1e-6])
        if _cells(lineages, ends, phases, edge).sum() >= detection:
            low, high = phase.start, phase.end - 1e-6
            while high - low > 0.01:
                middle = (low + high) / 2
                total = _cells(lineages, ends, phases, np.array([middle])).sum()
                low, high = (low, middle) if total >= detection else (middle, high)
            return float(high)
    return None
