"""Summaries of a drug's effect that need no IC50: area under the curve, and growth rates."""

import numpy as np
from numpy.typing import ArrayLike

from allrelapse.drugs.law import Array
from allrelapse.errors import InputError


def area(ic50: float, hill: float, bottom: float, *, lowest: float, highest: float) -> float:
    """Mean of a dose-response curve over the logarithms of the doses, as a fraction of untreated.

    It is 1 where a drug does nothing, and 0 where it kills all cells at every dose. Areas compare
    only over the same doses.

    Parameters
    ----------
    ic50, hill, bottom : parameters of `law`; the IC50 is the relative one, µmol per litre
    lowest, highest : the doses between which it is taken, µmol per litre

    Raises
    ------
    InputError
        If the doses do not increase from above 0.

    Source: the integral of `law` over ln(dose), with z = hill·ln(dose/IC50):
    1 − (1 − bottom)·[ln(1+e^z)] from lowest to highest, divided by hill·ln(highest/lowest).
    """
    if not 0 < lowest < highest:
        raise InputError(f"doses must increase from above 0; got {lowest} and {highest}")
    ends = hill * np.log(np.array([lowest, highest]) / ic50)
    dead = np.diff(np.logaddexp(0, ends))[0] / np.diff(ends)[0]
    return float(1 - (1 - bottom) * dead)


def gr_values(count: ArrayLike, control: ArrayLike, start: ArrayLike) -> Array:
    """Growth rate under a drug against that of untreated cells, from counts of living cells.

    GR is 1 if the drug does nothing, 0 if cells stay as many as they were, and below 0, down to
    -1, if they die. Unlike viability it does not depend on how often untreated cells divide while
    the drug is there. It needs the count at time zero: without it there is no GR.

    Parameters
    ----------
    count : cells in treated wells at the end, 0 or more
    control : cells in untreated wells at the end
    start : cells when the drug was added

    Returns
    -------
    GR of each well, in the shape of the three together.

    Raises
    ------
    InputError
        If a number is missing or negative, or untreated cells have not become more.

    Source: Hafner et al. 2016, Nat Methods 13:521, equation 1:
    GR = 2^[log2(count / start) / log2(control / start)] − 1.
    """
    treated, grown, begun = (np.asarray(x, np.float64) for x in (count, control, start))
    if not ((treated >= 0).all() and np.isfinite(treated).all()):
        raise InputError("counts of treated wells must be 0 or more, none missing; correct them")
    if not ((begun > 0).all() and np.isfinite(grown).all() and (grown > begun).all()):
        raise InputError(
            "untreated cells must be more at the end than at time zero, and there more than 0; "
            "without growth there is no growth rate to compare with"
        )
    with np.errstate(divide="ignore"):
        return np.asarray(2 ** (np.log2(treated / begun) / np.log2(grown / begun)) - 1)


def viability_at_gr(gr: ArrayLike, doublings: ArrayLike) -> Array:
    """Cells as a fraction of untreated ones at a GR value, if untreated cells doubled so often.

    Parameters
    ----------
    gr : above -1
    doublings : of untreated cells while the drug was there, above 0

    Source: `gr_values` solved for count / control: ((GR + 1) / 2)^doublings.
    """
    return np.asarray(((np.asarray(gr, np.float64) + 1) / 2) ** np.asarray(doublings, np.float64))
