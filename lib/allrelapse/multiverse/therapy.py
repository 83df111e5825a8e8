"""What chains on the signatures of therapy share: candidates of a fit, and what counts as found.

It is no module of `chains`, every public function of which is a chain.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from allrelapse import exact
from allrelapse.data import open_tables, reference

THERAPY = ["SBS86", "SBS87"]
NARROW = ["SBS1", "SBS2", "SBS5", "SBS13", "SBS18", *THERAPY]
STAGES = ("relapse", "diagnosis")


@cache
def stjude() -> open_tables.Activities:
    """Activities of signatures as fitted by St Jude (`open_tables.stjude_activities`)."""
    return open_tables.stjude_activities()


def menu(candidates: str, cosmic_version: str, exome: bool) -> pd.DataFrame:
    """Candidate signatures, one a column: the probabilities of its 96 channels.

    Parameters
    ----------
    candidates : `stjude` (seen in its ALL at diagnosis, with those of mismatch repair and therapy),
        `leukaemia`, `narrow` or `wide` (all but artefacts)
    cosmic_version : of the catalogue
    exome : whether in the form for exomes
    """
    catalogue = reference.cosmic(cosmic_version, exome=exome)
    if candidates == "wide":
        return catalogue[[s for s in catalogue if s not in reference.ARTEFACTS]]
    names: Sequence[str] = NARROW
    if candidates == "leukaemia":
        names = sorted(reference.LEUKAEMIA)
    elif candidates == "stjude":
        known = stjude()
        exposures = known.exposures[known.samples["is_all"] & ~known.samples["relapse"]]
        seen = exposures.columns[(exposures > 0).any()]
        names = sorted({*seen, *reference.MISMATCH_REPAIR, *THERAPY})
    return catalogue[reference.named(catalogue, names)]


def called(p_values: "pd.Series[float]", correction: str, alpha: float) -> "pd.Series[bool]":
    """Which are called at a level, with a correction for their number.

    Parameters
    ----------
    p_values : of the tests of one family
    correction : `q` (false discoveries), `holm`, or `none`
    alpha : level of the correction
    """
    if correction == "holm":
        return exact.holm(p_values) < alpha
    return (p_values if correction == "none" else exact.q_values(p_values)) < alpha
