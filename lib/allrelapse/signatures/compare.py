"""Compare: is a spectrum known, a mixture of known ones, or new?"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from allrelapse.errors import InputError
from allrelapse.signatures.extract import STABLE, Extraction
from allrelapse.signatures.nmf import Array
from allrelapse.signatures.refit import check_whole, cosine, matched

NOVEL = 0.9
"""Cosine below which a signature is not explained by known ones.

Without themselves SBS86 and SBS87 are rebuilt from the catalogue to .82 and .88; mixtures of known
signatures that come out of simulated cohorts to .95 and more. Tests hold both.
"""
MOST = 4  # known signatures that one extracted may be a mixture of
GAIN = 0.005  # of cosine, for which a further one is taken in


class CosineTest(NamedTuple):
    """Cosine of an observed spectrum with a signature, beside what chance would give.

    cosine : observed
    expected : range of the cosine (95 %) if the signature alone had made the mutations
    p_shuffled : share of spectra with the observed counts in random channels that come as close
    others : per other signature, had it alone made them: `cosine` (median of the drawn spectra)
        and `p_value` (share that come as close to the target as the observed)
    """

    cosine: float
    expected: tuple[float, float]
    p_shuffled: float
    others: pd.DataFrame


def match(extracted: Extraction | pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Known signatures that extracted ones are, or are mixtures of.

    Rule: `novel` if neither the best match nor the mixture of at most four known signatures reaches
    a cosine of .9, and if the signature is stable (a silhouette of .8 or more): where noise is
    split up, the parts resemble nothing. A new process that resembles a mixture is missed: about
    half of COSMIC's own signatures can be rebuilt to .9 from others.

    Parameters
    ----------
    extracted : what `extract` gave; or 96 x k, columns sum to 1, all of which are taken for stable
    reference : 96 x r, columns sum to 1

    Returns
    -------
    One row per extracted signature: `best` and its `cosine`; `mixture`, such as
    `SBS1 62 % + SBS5 38 %`, and `mixture_cosine`; `novel`.

    Raises
    ------
    InputError
        If channels differ, names occur twice or a column is no distribution.

    Source: Degasperi 2020, Nat Cancer 1:249, and Islam 2022, Cell Genom 2:100179 (decomposition of
    extracted signatures into known ones); thresholds are ours.
    """
    spectra = extracted.signatures if isinstance(extracted, Extraction) else extracted
    _check("reference", reference, spectra)
    _check("extracted", spectra, reference)
    similarity = cosine(spectra, reference)
    rows = []
    for name in spectra:
        shares = decompose(spectra[name], reference)
        rebuilt = (reference[shares.index] @ shares).to_frame()
        rows.append(
            {
                "mixture": " + ".join(f"{s} {100 * share:.0f} %" for s, share in shares.items()),
                "mixture_cosine": (
                    cosine(spectra[[name]], rebuilt).to_numpy()[0, 0] if len(shares) else 0.0
                ),
            }
        )
    table = pd.DataFrame(rows, index=spectra.columns)
    table.insert(0, "best", similarity.idxmax(axis=1))
    table.insert(1, "cosine", similarity.max(axis=1))
    best = table[["cosine", "mixture_cosine"]].max(axis=1)
    novel = best < NOVEL
    if isinstance(extracted, Extraction):
        novel &= extracted.silhouettes >= STABLE
    return table.assign(novel=novel)


def decompose(
    spectrum: "pd.Series[float]", reference: pd.DataFrame, most: int = MOST
) -> "pd.Series[float]":
    """Shares of the known signatures whose mixture is closest to a spectrum, largest first.

    Signatures are taken in one by one, the one that helps most first, while each adds `GAIN` to
    the cosine.

    Parameters
    ----------
    spectrum : by channel, sums to 1
    reference : 96 x r, columns sum to 1
    most : signatures at most

    Source: Lawson & Hanson 1974, chapter 23 (non-negative least squares, whose residual falls as
    the cosine with the best mixture rises).
    """
    w, aim = reference.loc[spectrum.index].to_numpy(float), spectrum.to_numpy(float)
    chosen: list[int] = []
    shares, reached = np.empty(0), 0.0
    while len(chosen) < most:
        fits = {j: nnls(w[:, [*chosen, j]], aim) for j in range(w.shape[1]) if j not in chosen}
        if not fits:
            break
        best = min(fits, key=lambda j: fits[j][1])
        weights, residual = fits[best]
        closer = np.sqrt(max(1 - residual**2 / (aim @ aim), 0.0))  # the cosine with the mixture
        if closer - reached < GAIN:
            break
        chosen, shares, reached = [*chosen, best], weights, closer
    found = pd.Series(
        shares / max(shares.sum(), 1e-300), reference.columns[chosen], name=spectrum.name
    )
    return found[found > 0].sort_values(ascending=False)


def cosine_test(
    observed: "pd.Series[int]",
    reference: pd.DataFrame,
    target: str,
    replicates: int = 999,
    seed: int = 0,
) -> CosineTest:
    """Cosine of counts with one signature, against what sampling and other causes would give.

    A cosine has no scale of its own: few mutations lower it, and flat spectra are all alike. So
    spectra of the same number of mutations are drawn from the target, from each other signature,
    and from the observed counts with their channels shuffled.

    Parameters
    ----------
    observed : mutations by channel, such as of an experiment
    reference : 96 x r, columns sum to 1, with the target
    target : name of a signature
    replicates : spectra drawn from each
    seed : of the draws

    Returns
    -------
    The cosine and what it is to be held against; see `CosineTest`.

    Raises
    ------
    InputError
        If the target is unknown, there are no mutations, or the tables do not match.

    Source: Davison & Hinkley 1997, section 4.2.3 (Monte Carlo P, the observed counted in).
    """
    if target not in reference:
        have = ", ".join(map(str, reference.columns))
        raise InputError(f"target {target!r} is none of the reference's signatures: {have}")
    check_whole(1, replicates=replicates)
    x, w = matched(observed.to_frame(), reference)
    mutations = int(x.sum())
    if not mutations:
        raise InputError("observed: there are no mutations, so that no spectrum can be compared")
    rng = np.random.default_rng(seed)
    aim = w[:, reference.columns.get_loc(target)]
    seen = float(_cosines(x, aim)[0])
    drawn = {
        name: _cosines(rng.multinomial(mutations, w[:, j], size=replicates).astype(float), aim)
        for j, name in enumerate(reference)
    }
    low, high = np.quantile(drawn.pop(target), [0.025, 0.975])
    shuffled = _cosines(rng.permuted(np.repeat(x, replicates, axis=0), axis=1), aim)
    others = pd.DataFrame(
        {
            "cosine": {name: float(np.median(values)) for name, values in drawn.items()},
            "p_value": {name: _share_as_close(values, seen) for name, values in drawn.items()},
        }
    )
    others = others.rename_axis("signature").sort_values("cosine", ascending=False)
    return CosineTest(seen, (float(low), float(high)), _share_as_close(shuffled, seen), others)


def _cosines(spectra: Array, aim: Array) -> Array:
    """Cosine of each row with one signature."""
    values: Array = spectra @ aim / (np.linalg.norm(spectra, axis=1) * np.linalg.norm(aim))
    return values


def _share_as_close(values: Array, seen: float) -> float:
    return float((1 + np.sum(values >= seen)) / (len(values) + 1))


def _check(name: str, table: pd.DataFrame, other: pd.DataFrame) -> None:
    """InputError unless the columns are distributions over the channels of `other`."""
    odd = sorted(set(table.index) ^ set(other.index), key=str)[:5]
    if odd:
        raise InputError(f"{name}: its channels differ, e.g. {odd}; use the same 96 in both tables")
    matched(pd.DataFrame(0, table.index.unique(), ["none"]), table, name)
