"""Exceptions: samples in which a signature was found where it should not be, one by one."""

from collections.abc import Collection

import pandas as pd

from allrelapse.errors import InputError
from allrelapse.signatures.presence import presence

SCATTER = 2.0
"""Variance over mean from which the catalogue does not describe a sample well."""


def examine(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    target: str,
    artefacts: Collection[str],
    *,
    alpha: float = 0.01,
) -> pd.DataFrame:
    """What else could explain that `target` is found in each of some samples.

    Each sample is tested three times: as in a screen, without the artefact signatures; with them;
    and, by `confounders`, with each other signature forced into the null model. The reading is the
    first of these that holds:

    - `not found` if P of the screen is `alpha` or more;
    - `artefact` if it is so with the artefact signatures among the candidates;
    - `confounder` if one more signature in the null model is enough for that;
    - `misfit` if the counts scatter more than `SCATTER` times Poisson about the fit, so that some
      process is in no signature, and the target may stand in for it;
    - `unexplained` otherwise: the target, or something that looks like it.

    Parameters
    ----------
    counts : 96 x n, mutations of the samples in question
    signatures : 96 x k, all candidates, artefacts among them
    target : name of a signature
    artefacts : names of the artefact signatures; others than the candidates' are no matter
    alpha : P below which the target counts as found

    Returns
    -------
    One row per sample: `mutations`, `percent` of them that the target made, `dispersion`,
    `p_value`, `p_with_artefacts`, `confounders` (names, separated by blanks), `reading`.

    Raises
    ------
    InputError
        As `presence`; or if the target is called an artefact.
    """
    if target in artefacts:
        raise InputError(f"target {target!r} is among the artefacts")
    clean = signatures[[s for s in signatures if s not in artefacts]]
    found = presence(counts, clean, target, level=None, alpha=alpha)
    with_artefacts = presence(counts, signatures, target, level=None)["p_value"]
    table = pd.DataFrame(
        {
            "mutations": found["mutations"],
            "percent": 100 * found["exposure"] / found["mutations"],
            "dispersion": found["dispersion"],
            "p_value": found["p_value"],
            "p_with_artefacts": with_artefacts,
            "confounders": found["confounders"],
        }
    )
    reading = pd.Series("unexplained", table.index)
    reading = reading.mask(table["dispersion"] > SCATTER, "misfit")
    reading = reading.mask(table["confounders"] != "", "confounder")
    reading = reading.mask(table["p_with_artefacts"] >= alpha, "artefact")
    return table.assign(reading=reading.mask(table["p_value"] >= alpha, "not found"))
