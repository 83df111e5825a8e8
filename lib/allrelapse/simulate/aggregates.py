"""What a study would report of a simulated cohort, from its truth, without any sequencing."""

from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

import numpy as np
import pandas as pd

from allrelapse.data.published import TIMING
from allrelapse.simulate.patient import PRESENT, History, history
from allrelapse.simulate.settings import Settings
from allrelapse.simulate.targets import CAUSES, Targets, targets

FOUR = ("NT5C2", "PRPS1", "NR3C1", "TP53")
"""Genes whose acquired mutations the paper traced to signatures (Li 2020, abstract)."""
CAUSED = [CAUSES.index(name) for name in ("SBS86", "SBS87")]


def aggregates(
    seeds: Iterable[int], settings: Settings, *, executor: Executor | None = None
) -> pd.DataFrame:
    """The published aggregates in simulated cohorts, one row per seed.

    Returns
    -------
    `seed`, then named as the claims of the ledger: `prevalence_very_early`, `prevalence_early`,
    `prevalence_late` (% with an alteration in the 12 genes), `early_share` (%),
    `signature_prevalence` (%), `signature_mutations` (% of the mutations in four genes), and
    `convergent` (relapses); further `very_early_share`, `relapse_risk` (% of treated).
    """
    run = partial(_aggregate, settings=settings)
    rows = list((executor.map if executor else map)(run, seeds))
    return pd.DataFrame(rows)


def _aggregate(seed: int, settings: Settings) -> dict[str, float]:
    where = targets()
    people = [
        history(settings, np.random.default_rng([seed, index]))
        for index in range(settings.patients)
    ]
    timing = np.array([person.timing for person in people])
    altered = np.array([bool(person.genes(where)) for person in people])
    row: dict[str, float] = {"seed": seed}
    for group in TIMING:
        name = f"prevalence_{group.replace(' ', '_')}"
        row[name] = _percent(altered[timing == group])
    row["early_share"] = _percent(timing == "early")
    row["very_early_share"] = _percent(timing == "very early")
    row["signature_prevalence"] = _percent([p.therapy_share >= PRESENT for p in people])
    row["signature_mutations"] = _percent([c for p in people for c in _caused(p, where)])
    row["convergent"] = sum(person.convergent for person in people)
    row["relapse_risk"] = 100 * len(people) / sum(person.treated for person in people)
    return row


def _caused(person: History, where: Targets) -> list[bool]:
    """Of the visible mutations in the four genes, which ones the therapy signatures caused."""
    lineages = person.case.lineages
    genes = where.gene
    return [
        int(cause) in CAUSED
        for target, cause in zip(lineages.target, lineages.cause, strict=True)
        if target >= 0 and genes[target] in FOUR
    ]


def _percent(flags: object) -> float:
    values = np.asarray(flags, float)
    return 100 * float(values.mean()) if values.size else np.nan
