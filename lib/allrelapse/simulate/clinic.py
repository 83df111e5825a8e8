"""The patient: who they are, and what happens after the relapse."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from allrelapse.data.published import TIMING
from allrelapse.simulate.settings import Settings

SUBTYPES: dict[str, dict[str, float]] = {
    "B": {
        "high hyperdiploid": 25, "ETV6::RUNX1": 20, "KMT2A-rearranged": 5.5, "TCF3::PBX1": 4,
        "BCR::ABL1": 4, "Ph-like": 7.5, "hypodiploid": 1.5, "other B-ALL": 32.5,
    },
    "T": {"T-ALL": 100},
}  # fmt: skip
"""Per cent of children at diagnosis (Br J Haematol 2017;176:867, table I), the rest as other."""
WBC = {"B": (2.5, 1.3), "T": (4.38, 1.41)}
"""Mean and spread of ln(WBC); T from the 265 children of target-tall, B an assumption."""
AGE = {"B": (1.6, 0.6), "T": (2.2, 0.5)}
"""Mean and spread of ln(age in years), so that medians are 5 and 9 years."""


@dataclass(frozen=True)
class Person:
    """A child with leukaemia, as seen on the day of diagnosis."""

    male: bool
    lineage: str
    subtype: str
    age: float
    wbc: float


@dataclass(frozen=True)
class Outcome:
    """What follows a relapse, in days since the relapse; nan for what was not seen.

    death : planted time of death, also where follow-up ended before it
    """

    follow_up: float
    dead: bool
    second_relapse: float
    transplant: float
    death: float
    log_hazard: float


def person(settings: Settings, rng: Generator) -> Person:
    """Draw who falls ill."""
    lineage = "T" if rng.random() < settings.t_lineage else "B"
    names, weights = zip(*SUBTYPES[lineage].items(), strict=True)
    edges = np.cumsum(weights)
    subtype = names[int(np.searchsorted(edges, rng.random() * edges[-1]))]
    age, wbc = (rng.lognormal(*law[lineage]) for law in (AGE, WBC))
    return Person(
        male=bool(rng.random() < settings.boys),
        lineage=lineage,
        subtype=subtype,
        age=round(float(np.clip(age, 1, 18)), 1),
        wbc=round(float(np.clip(wbc, 0.5, 1000)), 1),
    )


def outcome(timing: str, features: set[str], settings: Settings, rng: Generator) -> Outcome:
    """Draw what happens after a relapse.

    Death follows a Weibull law with the published 5-year survival of the timing group, its hazard
    multiplied by the hazard ratios of the features; a second relapse comes before most deaths.
    """
    s = settings
    log_hazard = sum(np.log(s.hazard_ratios[f]) for f in sorted(features & set(s.hazard_ratios)))
    survival = s.survival_5y[TIMING.index(timing)]
    five = 5 * 365.25
    scale = five * (-np.log(survival)) ** (-1 / s.survival_shape)
    death = scale * (rng.exponential() / np.exp(log_hazard)) ** (1 / s.survival_shape)
    seen = rng.uniform(*s.censoring)
    again = death * rng.uniform(0.2, 0.95) if rng.random() < 0.75 else np.inf
    transplant = rng.gamma(4, s.transplant_day / 4) if rng.random() < s.transplant else np.inf
    transplant = transplant if transplant < min(again, death) else np.inf
    end = min(death, seen)
    return Outcome(
        follow_up=max(round(end), 1),
        dead=bool(death <= seen),
        second_relapse=max(round(again), 1) if again < end else np.nan,
        transplant=round(transplant) if transplant < end else np.nan,
        death=float(death),
        log_hazard=float(log_hazard),
    )
