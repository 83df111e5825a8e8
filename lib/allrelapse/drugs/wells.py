"""Wells of dose-response curves as arrays, checked at the door."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.drugs.law import Array
from allrelapse.errors import InputError

DOSES = 4
"""Fewest doses above 0 of a curve."""


@dataclass(frozen=True)
class Wells:
    """Wells of one curve or of two, as arrays of one length.

    log_dose : natural logarithm, minus infinity for untreated wells
    viability : as measured
    plate : number of the curve's plate, from 0 over both curves
    curve : 0, or 1 for wells of the second curve
    scatter : standard deviation of each, or what is in proportion to it
    """

    log_dose: Array
    viability: Array
    plate: NDArray[np.int64]
    curve: NDArray[np.int64]
    scatter: Array

    def kept(self, keep: NDArray[np.bool_]) -> "Wells":
        """Only some of the wells."""
        return Wells(*(column[keep] for column in vars(self).values()))

    @property
    def known(self) -> bool:
        """Whether the scatter was estimated."""
        return not (self.scatter == 1).all()

    def range(self, curve: int = 0) -> tuple[float, float]:
        """Logarithms of the lowest and of the highest dose of a curve, 0 left out."""
        mine = self.log_dose[np.isfinite(self.log_dose) & (self.curve == curve)]
        return float(mine.min()), float(mine.max())


def wells(table: pd.DataFrame) -> Wells:
    """A table of wells as arrays.

    Parameters
    ----------
    table : `dose` (µmol per litre, 0 for untreated), `viability` (fraction of untreated; noise may
        take it below 0), and if known `plate`

    Raises
    ------
    InputError
        If a column is missing, a value is missing or impossible, there are fewer than `DOSES` doses
        above 0, fewer wells than it takes, or untreated wells without living cells.
    """
    if absent := [name for name in ("dose", "viability") if name not in table]:
        raise InputError(f"wells have no column {', '.join(absent)}; it is needed, so add it")
    dose, viability = (_numbers(table[name], name) for name in ("dose", "viability"))
    tested = dose[dose > 0].nunique()
    if tested < DOSES:
        raise InputError(f"{tested} doses above 0 do not make a curve; measure {DOSES} or more")
    plate = pd.factorize(table["plate"], use_na_sentinel=False)[0] if "plate" in table else 0
    plate = np.broadcast_to(np.asarray(plate, np.int64), len(table))
    if len(table) < (fewest := plate.max() + 5):
        raise InputError(f"{len(table)} wells are too few for this curve; it takes {fewest}")
    untreated = viability[dose == 0]
    if len(untreated) and untreated.median() <= 0:
        raise InputError(
            "column viability: untreated wells (dose 0) hold no living cells, so there is nothing "
            "to compare with; check the plate, or whether background was subtracted twice"
        )
    with np.errstate(divide="ignore"):
        log_dose = np.log(dose.to_numpy(np.float64))
    alike = np.ones(len(table))
    return Wells(log_dose, np.asarray(viability, np.float64), plate, np.zeros_like(plate), alike)


def _numbers(column: "pd.Series[float]", name: str) -> "pd.Series[float]":
    """A column of finite numbers, of doses 0 or more; raises InputError with the first other."""
    values = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = ~np.isfinite(values) | (values.lt(0) if name == "dose" else False)
    if wrong.any():
        place, cell = values.index[wrong][0], column[wrong].to_list()[0]
        need = "0 or more" if name == "dose" else "a number"
        raise InputError(
            f"row {place}, column {name}: {cell!r} must be {need}; correct the cell or leave the "
            "well out"
        )
    return values


def together(first: Wells, second: Wells) -> Wells:
    """The wells of two curves, with plates of their own.

    If the scatter of one is not known, wells of both count alike.
    """
    if not (first.known and second.known):
        first, second = (
            replace(data, scatter=np.ones_like(data.scatter)) for data in (first, second)
        )
    plate = second.plate + first.plate.max() + 1
    second = replace(second, plate=plate, curve=np.ones_like(plate))
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return Wells(*(np.concatenate(pair) for pair in pairs))
