"""Times, events, groups and covariates, checked before anything is computed from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
ALL = "all"
"""Name of the group where none were given."""


def checked_times(time: "pd.Series[Any]") -> Floats:
    """Times as numbers.

    Raises
    ------
    InputError
        If there is none, or one is missing, endless or negative.
    """
    name = _name(time, "time")
    if time.empty:
        raise InputError(f"{name}: no rows, so there is nothing to follow; give one per patient")
    values = _numbers(time, name)
    _refuse(time, ~np.isfinite(values), name, "must be a finite number; leave such rows out")
    _refuse(time, values < 0, name, "is before time zero; count from the start of follow-up")
    return values


def checked_events(time: "pd.Series[Any]", event: "pd.Series[Any]") -> Ints:
    """1 where follow-up ended with the event, 0 where it was censored.

    Raises
    ------
    InputError
        If an event is neither, or rows are not those of the times.
    """
    name = _name(event, "event")
    _same_rows(time, event, name)
    values = _numbers(event, name)
    _refuse(event, ~np.isin(values, (0, 1)), name, "must be 1 (event) or 0 (censored)")
    return values.astype(np.int64)


def checked_labels(time: "pd.Series[Any]", label: "pd.Series[Any] | None") -> "pd.Series[str]":
    """A label for each row, as text; one for all where none are given.

    Raises
    ------
    InputError
        If one is missing, or rows are not those of the times.
    """
    if label is None:
        return pd.Series(ALL, time.index, name="group")
    name = _name(label, "group")
    _same_rows(time, label, name)
    _refuse(label, label.isna().to_numpy(bool), name, "must be known; leave such rows out")
    return label.astype(str)


def groups_in_order(label: "pd.Series[Any] | None", texts: "pd.Series[str]") -> list[str]:
    """The groups: in the order of categories if the labels have one, else as they come."""
    if label is not None and isinstance(label.dtype, pd.CategoricalDtype):
        present = set(texts)
        return [str(name) for name in label.cat.categories if str(name) in present]
    return list(dict.fromkeys(texts))


def checked_covariates(table: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Columns of a table as numbers that a regression can tell apart.

    Raises
    ------
    InputError
        If there is none, or one is absent, no number, missing, constant, or a sum of others.
    """
    if not covariates:
        raise InputError("covariates: name at least one column")
    present(table, covariates)
    found = pd.DataFrame({name: _numbers(table[name], name) for name in covariates}, table.index)
    for name in covariates:
        values = found[name].to_numpy()
        _refuse(table[name], ~np.isfinite(values), name, "must be a number; leave such rows out")
        if np.ptp(values) == 0:
            raise InputError(
                f"column {name}: is {values[0]:g} in every row and explains nothing; leave it out"
            )
    if np.linalg.matrix_rank(scaled(found)[0]) < len(covariates):
        raise InputError(
            f"columns {', '.join(covariates)}: one is a sum of others, as when every group of a "
            "factor has a column; leave one out"
        )
    return found


def present(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """InputError if the table lacks a column."""
    lacking = [name for name in columns if name not in table]
    if lacking:
        known = ", ".join(map(str, table.columns))
        raise InputError(f"no column {', '.join(lacking)}; the table has {known}")


def some_events(events: Ints, name: object) -> None:
    """InputError if nothing happened."""
    if not events.any():
        raise InputError(f"column {name}: no event in {len(events)} rows, so no rate to compare")


def scaled(covariates: pd.DataFrame) -> tuple[Floats, Floats]:
    """Covariates with mean 0 and standard deviation 1, and the deviations that they had."""
    values = covariates.to_numpy(float)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / spread, spread


def _numbers(column: "pd.Series[Any]", name: str) -> Floats:
    try:
        return column.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"column {name}: {error}; it must hold numbers only") from None


def _refuse(column: "pd.Series[Any]", wrong: NDArray[np.bool_], name: str, mend: str) -> None:
    """InputError that names the first row that is wrong, and how many are."""
    if wrong.any():
        row, more = column.index[wrong][0], int(wrong.sum()) - 1
        others = f" (and {more} more)" if more else ""
        value = column[wrong].tolist()[0]
        raise InputError(f"column {name}, row {row}{others}: {value!r} {mend}")


def _same_rows(time: "pd.Series[Any]", other: "pd.Series[Any]", name: str) -> None:
    if not time.index.equals(other.index):
        raise InputError(f"column {name}: its rows are not those of the times; take one table")


def _name(column: "pd.Series[Any]", default: str) -> str:
    return default if column.name is None else str(column.name)
