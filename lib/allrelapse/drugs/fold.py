"""How much more of a drug one kind of cells stands than another: two curves at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from allrelapse.drugs.fit import OUTLIERS, least
from allrelapse.drugs.law import Array
from allrelapse.drugs.model import Model
from allrelapse.drugs.profile import Profile, p_restricted, profile
from allrelapse.drugs.wells import together
from allrelapse.errors import InputError
from allrelapse.exact import Estimate, q_values

MEASURED = "measured"
MORE = "IC50 beyond the tested range: fold change above its lower end"
LESS = "IC50 beyond the tested range: fold change below its upper end"
NO_REFERENCE = "IC50 of the reference beyond the tested range"
VAGUE = "not determined by these doses"


@dataclass(frozen=True)
class FoldChange:
    """IC50 of one curve over that of a reference.

    fold : with its profile interval; infinite or 0 where the IC50 lies beyond the tested doses,
        with the interval's one finite end as the bound; NaN where nothing can be told
    status : `MEASURED`, or in words why there is no number
    p_value : that both IC50s are the same, by the likelihood ratio, as of `Profile`
    p_parallel : that both curves have one slope and one bottom, which `fold` rests on, as of
        `p_restricted`
    wells : number of wells of both curves that count
    """

    fold: Estimate
    status: str
    p_value: float
    p_parallel: float
    wells: int


def fold_change(
    table: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    parallel: bool = True,
    level: float = 0.95,
    outliers: float = OUTLIERS,
    uneven: bool = True,
) -> FoldChange:
    """Fold change of the IC50 of one curve against a reference, fitted together.

    Both curves have one slope and one bottom, plates have heights of their own. With one shape the
    ratio of relative and of absolute IC50s is the same. What lies beyond the tested doses is no
    number, but a bound: the highest dose at least.

    Parameters
    ----------
    table, reference : wells as in `fit_curve`
    parallel : one slope and one bottom for both; else the ratio is of relative IC50s
    level : of the interval
    outliers, uneven : as in `fit_curve`, for each curve by itself

    Raises
    ------
    InputError
        If wells are unusable or too few.

    Source: Bates & Watts 1988, section 3.10 (F of nested models) and 6.1 (profile); for parallel
    curves Finney 1978, Statistical Method in Biological Assay.
    """
    return _compared(
        least(table, outliers=outliers, uneven=uneven)[:2],
        least(reference, outliers=outliers, uneven=uneven)[:2],
        parallel=parallel,
        level=level,
    )


Alone = tuple[Model, Array]  # one curve, fitted by itself


def _compared(own: Alone, base: Alone, *, parallel: bool, level: float) -> FoldChange:
    """The fold change of a curve against a reference, both fitted by themselves already."""
    data = together(base[0].data, own[0].data)
    fits = {}
    for same in (True, False):
        model = Model(data, parallel=same)
        starts = _starts(model, base, own)
        fits[same] = model, *model.best(starts)
    model, theta, squares = fits[parallel]
    low, high = _limits(model, theta)
    inside = low <= theta[-1] <= high
    starts = _starts(model, base, own)
    curve = profile(model, theta, squares, *starts, inside=inside)
    ends, found, status = _told(replace(curve, others=()), low, high, level)
    return FoldChange(
        fold=Estimate(found, *ends),
        status=status,
        p_value=curve.p_value(0.0),
        p_parallel=_p_parallel(fits[True][:2], fits[False][0], (fits[True][2], fits[False][2])),
        wells=len(data.viability),
    )


def _starts(model: Model, base: Alone, own: Alone) -> list[Array]:
    """Where to begin with two curves: from each by itself, the two best of some guesses.

    A flat curve by itself says nothing of shape or place; with the other's shape its IC50 lies
    beyond the doses.
    """
    parts = [(theta[:-3], theta[-3:-1], theta[-1]) for _, theta in (base, own)]
    (tops, shape, place), (other_tops, other_shape, other_place) = parts
    tops = np.concatenate([tops, other_tops])
    if model.shapes == 2:
        return [np.r_[tops, shape, other_shape, place, other_place - place]]
    beyond = [model.data.range(curve)[1] + 2 for curve in (0, 1)]
    guesses = [
        (shape, place, other_place),
        (other_shape, place, other_place),
        (shape, place, beyond[1]),
        (other_shape, beyond[0], other_place),
    ]
    starts = [np.r_[tops, pair, x, y - x] for pair, x, y in guesses]
    return sorted(starts, key=model.error)[:2]


def _p_parallel(restricted: Alone, free: Model, squares: tuple[float, float]) -> float:
    """P that two curves have one bottom and one slope."""
    model, theta = restricted
    first, end = model.plates, model.plates + 2
    both = np.r_[theta[:end], theta[first:]]  # the pair of each
    apart = np.zeros((2, free.size))
    apart[:, first : first + 2], apart[:, first + 2 : first + 4] = np.eye(2), -np.eye(2)
    least_restricted, least_free = squares
    return p_restricted(free, both, least_free, least_restricted - least_free, apart)


def _limits(model: Model, theta: Array) -> tuple[float, float]:
    """Logarithms of the fold changes at which the IC50 is the lowest and the highest dose."""
    low, high = model.data.range(1)
    return low - theta[-2], high - theta[-2]


def _told(
    curve: Profile, low: float, high: float, level: float
) -> tuple[tuple[float, float], float, str]:
    """Profile interval of the fold change, the fold change, and what can be told of it."""
    place, ratio = curve.theta[-2:]
    first, last = curve.model.data.range(0)
    if not first <= place <= last:
        return (0.0, np.inf), np.nan, NO_REFERENCE
    lower, upper = map(float, np.exp(curve.interval(ratio, low, high, level)))
    ends = lower, upper
    if ends == (0.0, np.inf):
        return ends, np.nan, VAGUE
    if ratio > high:
        return ends, np.inf, MORE
    if ratio < low:
        return ends, 0.0, LESS
    return ends, float(np.exp(ratio)), MEASURED


def fold_changes(
    table: pd.DataFrame,
    reference: str = "wild type",
    *,
    of: str = "genotype",
    within: Sequence[str] = ("line", "drug"),
    parallel: bool = True,
    level: float = 0.95,
    outliers: float = OUTLIERS,
    uneven: bool = True,
) -> pd.DataFrame:
    """Fold changes of every genotype against the reference, in each line and for each drug.

    Parameters
    ----------
    table : wells as in `fit_curve`, with the columns `of` and `within`
    reference : the value of `of` that the others are held against
    of, within : what is compared, and within what
    parallel, level, outliers, uneven : as in `fold_change`

    Returns
    -------
    One row per comparison: `within`, `of`, `fold` with `fold_lower`, `fold_upper`, `p_value`,
    `q_value` (Benjamini-Hochberg over all rows), `p_parallel`, `status`, `wells`. Curves that
    cannot be fitted have the reason as `status`, and no numbers.

    Raises
    ------
    InputError
        If a column is absent, or the reference is nowhere.
    """
    if absent := [name for name in (of, *within) if name not in table]:
        raise InputError(f"wells have no column {', '.join(absent)}; it is needed, so add it")
    if not table[of].eq(reference).any():
        have = ", ".join(sorted(map(str, table[of].dropna().unique())))
        raise InputError(
            f"column {of}: no {reference!r} to compare with; there are {have or 'none'}"
        )
    rows: list[dict[str, object]] = []
    for key, group in table.groupby(list(within)):
        alone = {name: _alone(mine, outliers, uneven) for name, mine in group.groupby(of)}
        base = alone.pop(reference, f"no {reference} here")
        for name, own in alone.items():
            named = {**dict(zip(within, key, strict=True)), of: name}
            rows.append({**named, **_row(own, base, parallel=parallel, level=level)})
    columns = [*within, of, "fold", "fold_lower", "fold_upper", "p_value", "q_value"]
    columns += ["p_parallel", "status", "wells"]
    found = pd.DataFrame(rows, columns=columns)
    tested = found["p_value"].dropna()
    found["q_value"] = q_values(tested) if len(tested) else np.nan
    return found


def _alone(table: pd.DataFrame, outliers: float, uneven: bool) -> Alone | str:
    """A curve by itself, or why there is none."""
    try:
        return least(table, outliers=outliers, uneven=uneven)[:2]
    except InputError as reason:
        return str(reason)


def _row(own: Alone | str, base: Alone | str, *, parallel: bool, level: float) -> dict[str, object]:
    """One comparison as a row, or why there is none."""
    if isinstance(base, str):
        return {"status": f"reference not fitted: {base}"}
    if isinstance(own, str):
        return {"status": f"not fitted: {own}"}
    found = _compared(own, base, parallel=parallel, level=level)
    value, lower, upper = found.fold
    ends = {"fold": value, "fold_lower": lower, "fold_upper": upper}
    rest = {"p_value": found.p_value, "p_parallel": found.p_parallel, "status": found.status}
    return {**ends, **rest, "wells": found.wells}
