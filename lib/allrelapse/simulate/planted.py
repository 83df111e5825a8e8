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
