"""Published facts, typed in by hand with the source of every row (`data/published/*.csv`)."""

import pandas as pd
import pandera.pandas as pa

from allrelapse import paths
from allrelapse.data.schemas import read_table
from allrelapse.errors import InputError

TIMING = ["very early", "early", "late"]

SCHEMAS = {
    "claims": pa.DataFrameSchema(
        {
            "id": pa.Column(str, pa.Check.str_matches(r"^[a-z][a-z0-9_]*$"), unique=True),
            "statement": pa.Column(str),
            "value": pa.Column(float, nullable=True),
            "unit": pa.Column(str, nullable=True),
            "direction": pa.Column(str, pa.Check.isin(["above", "below"]), nullable=True),
            "tolerance": pa.Column(float, pa.Check.ge(0), nullable=True),
            "why": pa.Column(str, nullable=True),
            "source": pa.Column(str),
            "analysis": pa.Column(str, pa.Check.str_matches(r"^\d\d_[a-z_]+$"), nullable=True),
        }
    ),
    "resistance_by_timing": pa.DataFrameSchema(
        {
            "study": pa.Column(str),
            "series": pa.Column(str),
            "group": pa.Column(str, pa.Check.isin(TIMING)),
            "percent": pa.Column(float, pa.Check.in_range(0, 100), nullable=True),
            "carriers": pa.Column("Int64", pa.Check.ge(0), nullable=True),
            "patients": pa.Column("Int64", pa.Check.ge(1), nullable=True),
            "source": pa.Column(str),
        }
    ),
}


def read(name: str) -> pd.DataFrame:
    """One table of published facts.

    Raises
    ------
    InputError
        If there is no such table or it breaks its schema.
    """
    if name not in SCHEMAS:
        raise InputError(f"no published table {name!r}; there are {', '.join(SCHEMAS)}")
    return read_table(paths.DATA / "published" / f"{name}.csv", SCHEMAS[name])
