"""What a chain is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from allrelapse import landscape, signatures
from allrelapse.claims import Kind
from allrelapse.data import tables
from allrelapse.data.cohort import Cohort
from allrelapse.exact import Estimate

T = TypeVar("T")


class Evidence(NamedTuple):
    """What one specification says of a claim, as notebooks record it (`claims.record`).

    told : False if too few were at hand to say anything (*data not at hand*)
    """

    claim: str
    kind: Kind
    value: float
    interval: tuple[float, float] | None
    n: int
    data: str = "published counts"
    truth: float | None = None
    told: bool = True


@dataclass(frozen=True, eq=False)
class Given:
    """A cohort, and the steps that several specifications share, each computed once.

    people : the cohort
    """

    people: Cohort
    _kept: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)

    def once(self, step: Callable[..., T], *choices: Any) -> T:  # noqa: ANN401
        """`step(self, *choices)`, from memory if it was asked for before."""
        key = (step, *choices)
        if key not in self._kept:
            self._kept[key] = step(self, *choices)
        found: T = self._kept[key]
        return found

    @cached_property
    def has_pairs(self) -> bool:
        """Whether there are mutations of diagnoses and relapses."""
        return self.people.mutations is not None and self.people.samples is not None

    @cached_property
    def has_contexts(self) -> bool:
        """Whether mutations have trinucleotide contexts."""
        return self.has_pairs and bool(self.mutations["context"].notna().any())

    @property
    def mutations(self) -> pd.DataFrame:
        """The mutations; ask `has_pairs` before."""
        assert self.people.mutations is not None
        return self.people.mutations

    @property
    def samples(self) -> pd.DataFrame:
        """The samples; ask `has_pairs` before."""
        assert self.people.samples is not None
        return self.people.samples

    @property
    def patients(self) -> pd.DataFrame:
        """The patients."""
        return self.people.patients

    def truth(self, name: str) -> pd.DataFrame | None:
        """A planted table by name; None for real patients."""
        return None if self.people.truth is None else self.people.truth[name]

    def evidence(
        self,
        claim: str,
        estimate: Estimate,
        n: int,
        truth: float | None,
        *,
        interval: bool = True,
        told: bool = True,
    ) -> Evidence:
        """What this cohort says of a claim; *recovered* if it was simulated, else *replicated*."""
        kind: Kind = "replicated" if self.people.truth is None else "recovered"
        ends = estimate.interval if interval else None
        data = f"cohort {self.people.name}"
        truth = None if self.people.truth is None or truth is None else float(truth)
        return Evidence(claim, kind, estimate.value, ends, n, data, truth, told)


def mutations_seen(given: Given, reads: int = tables.READS) -> pd.DataFrame:
    """When each mutation is seen (`signatures.occurrence`)."""
    return signatures.occurrence(given.mutations, given.samples, reads=reads)


def hypermutated(given: Given) -> "pd.Index[str]":
    """Patients with a hypermutated relapse, by the rule of notebook 02."""
    burden = landscape.burden(given.once(mutations_seen)).set_index("patient")
    far = landscape.hypermutated(burden["relapse"], reference=burden["diagnosis"])
    return burden.index[far.to_numpy()]


def people(given: Given, hypermutators: bool) -> Cohort:
    """The cohort, with or without the patients whose relapse is hypermutated."""
    if hypermutators:
        return given.people
    out = given.once(hypermutated)
    samples = given.samples[~given.samples["patient"].isin(out)]
    patients = given.patients[~given.patients["patient"].isin(out)]
    mutations = given.mutations[given.mutations["sample"].isin(samples["sample"])]
    planted = given.people.truth
    kept = planted and {
        name: table[~table["patient"].isin(out)] if "patient" in table else table
        for name, table in planted.items()
    }
    return replace(
        given.people, patients=patients, samples=samples, mutations=mutations, truth=kept
    )


def fewer(given: Given, hypermutators: bool) -> Given:
    """The same of the cohort with or without hypermutated relapses, with a memory of its own."""
    return given if hypermutators else Given(people(given, hypermutators))


def with_timing(patients: pd.DataFrame, first_cut: float, last_cut: float) -> pd.DataFrame:
    """The patients with groups by other cut-offs, in months.

    Where only the group of a patient is known, and not the day, the group stays.
    """
    groups = tables.timing(patients["relapse_day"], (first_cut, last_cut))
    return patients.assign(timing=groups.fillna(patients["timing"]))
