"""A cohort of relapsed leukaemia made cell by cell, and the truth that was planted in it.

Nothing that is found in it says anything about patients: it shows what a method finds.
"""

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from allrelapse.data import tables
from allrelapse.data.cohort import Cohort
from allrelapse.errors import InputError
from allrelapse.simulate import dish
from allrelapse.simulate.aggregates import aggregates
from allrelapse.simulate.patient import simulated
from allrelapse.simulate.settings import Settings, make
from allrelapse.simulate.settings import table as settings_table

__all__ = ["Settings", "aggregates", "blocks", "cohort", "make", "settings_of", "settings_table"]

BLOCK = 50
"""Patients that are made at a time."""
SERIES, DISH = 2**32 + 1, 2**32 + 2
"""Streams of random numbers beside those of the patients, which have the numbers from 0."""


def cohort(seed: int = 0, *, executor: Executor | None = None, **settings: Any) -> Cohort:  # noqa: ANN401
    """Simulate a cohort of relapses with its planted truth.

    Patient k is the same in a cohort of any size but for serial samples, which are dealt among
    all, and on any number of cores.

    Parameters
    ----------
    seed : whole number, 0 or more
    executor : makes blocks of patients in parallel if given
    settings : of `Settings`, by name

    Returns
    -------
    Cohort with all six tables; `.truth` has `patients`, `clones`, `mutations`, `serial_samples`,
    `serial_variants`, `drug_response`, `hazard_ratios`, `phases`, `settings`.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for block in blocks(seed, make(settings), executor=executor):
        for name, table in block.items():
            parts.setdefault(name, []).append(table)
    whole = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    truth = {n.removeprefix("truth/"): t for n, t in whole.items() if n.startswith("truth/")}
    observed = {name: table for name, table in whole.items() if name in tables.SCHEMAS}
    about = {"name": "simulated", "build": "GRCh37", "form": f"simulated, seed {seed}"}
    fields: dict[str, Any] = observed | about | {"truth": truth}
    return Cohort(**fields)


def blocks(
    seed: int, settings: Settings, *, executor: Executor | None = None
) -> Iterator[dict[str, pd.DataFrame]]:
    """The tables of a simulated cohort, some patients at a time, in order."""
    starts = range(0, settings.patients, BLOCK)
    make_block = partial(_block, seed, settings)
    yield from (executor.map if executor else map)(make_block, starts)
    wells, planted = dish.viability(settings, np.random.default_rng([seed, DISH]))
    ratios = pd.DataFrame(settings.hazard_ratios.items(), columns=["feature", "hazard_ratio"])
    values = [(name, json.dumps(v)) for name, v in settings.model_dump(mode="json").items()]
    yield {
        "drug_response": tables.complete(wells, "drug_response"),
        "truth/drug_response": planted,
        "truth/hazard_ratios": ratios,
        "truth/phases": pd.DataFrame(
            [(p.name, p.start, p.end, " ".join(p.drugs)) for p in settings.phases],
            columns=["name", "start", "end", "drugs"],
        ),
        "truth/settings": pd.DataFrame(
            [("seed", str(seed)), *values], columns=["setting", "value"]
        ),
    }


def settings_of(cohort: Cohort) -> Settings:
    """The settings that a simulated cohort was made from.

    Raises
    ------
    InputError
        If the cohort is not a simulated one.
    """
    if cohort.truth is None:
        raise InputError(f"cohort {cohort.name}: only a simulated one has settings")
    table = cohort.truth["settings"].set_index("setting")["value"].drop("seed")
    return make({str(name): json.loads(value) for name, value in table.items()})


def _block(seed: int, settings: Settings, start: int) -> dict[str, pd.DataFrame]:
    """The tables of a block of patients."""
    series = serial_samples(seed, settings)
    parts: dict[str, list[dict[str, np.ndarray]]] = {}
    for index in range(start, min(start + BLOCK, settings.patients)):
        rng = np.random.default_rng([seed, index])
        made = simulated(index + 1, series.get(index, 0), settings, rng)
        for name, columns in made.items():
            parts.setdefault(name, []).append(columns)
    return {name: _table(name, found) for name, found in parts.items()}


def _table(name: str, parts: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """Columns of several patients as one table, in the types of its schema."""
    table = pd.DataFrame({c: np.concatenate([p[c] for p in parts]) for c in parts[0]})
    if name not in tables.SCHEMAS:
        return table
    types = {c: str(column.dtype) for c, column in tables.SCHEMAS[name].columns.items()}
    whole = {c: t for c, t in types.items() if t in ("Int64", "boolean") and c in table}
    return tables.complete(table.astype(whole), name)


def serial_samples(seed: int, settings: Settings) -> dict[int, int]:
    """How many serial samples which patients have: the settings' number, dealt at random."""
    chosen = min(settings.serial_patients, settings.patients)
    if chosen == 0:
        return {}
    rng = np.random.default_rng([seed, SERIES])
    patients = np.sort(rng.choice(settings.patients, chosen, replace=False))
    least = settings.serial_samples // settings.serial_patients // 2
    total = settings.serial_samples * chosen // settings.serial_patients
    dealt = rng.multinomial(total - least * chosen, np.full(chosen, 1 / chosen))
    return dict(zip(patients.tolist(), (dealt + least).tolist(), strict=True))
