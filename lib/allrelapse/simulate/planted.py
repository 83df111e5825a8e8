"""What was planted in a simulated cohort, in the terms in which methods report it."""

import pandas as pd

from allrelapse.data.cohort import Cohort
from allrelapse.data.tables import READS, VARIANT
from allrelapse.errors import InputError
from allrelapse.simulate.targets import SIGNATURES


def exposures(cohort: Cohort) -> pd.DataFrame:
    """Substitutions that each signature laid down and sequencing found, per sample.

    Returns
    -------
    Whole numbers, samples x signatures.

    Raises
    ------
    InputError
        If the cohort is not a simulated one.
    """
    if cohort.truth is None or cohort.mutations is None or cohort.samples is None:
        raise InputError(f"cohort {cohort.name}: only a simulated one has planted signatures")
    seen = cohort.mutations[cohort.mutations["t_alt_count"] >= READS]
    seen = seen.merge(cohort.samples[["sample", "patient"]], on="sample", validate="m:1")
    origin = cohort.truth["mutations"][["patient", *VARIANT, "cause"]]
    found = seen.merge(origin, on=["patient", *VARIANT], validate="m:1")
    table = pd.crosstab(found["sample"], found["cause"])
    return table.reindex(columns=list(SIGNATURES), fill_value=0).rename_axis(columns="signature")


ROUTE = {
    "pre-existing": "pre-existing",
    "standing": "pre-existing",
    "acquired": "acquired",
    "other": "acquired",
    "regrowth": "regrowth",
}
"""The route of a relapse, as `evolution.origin` names it, by what was planted (`disease.KINDS`)."""


def founders(cohort: Cohort) -> pd.DataFrame:
    """Where each relapse came from.

    Returns
    -------
    By patient: `route`, `before_diagnosis` (whether its founder arose before), `founded_day`,
    `doubling_days`.

    Raises
    ------
    InputError
        If the cohort is not a simulated one.
    """
    if cohort.truth is None:
        raise InputError(f"cohort {cohort.name}: only a simulated one has planted founders")
    table = cohort.truth["patients"].set_index("patient")
    return pd.DataFrame(
        {
            "route": table["mechanism"].map(ROUTE),
            "before_diagnosis": table["founded_before_diagnosis"].astype(bool),
            "founded_day": table["founded_day"],
            "doubling_days": table["doubling_days"],
        }
    )
