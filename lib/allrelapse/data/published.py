"""Published facts, typed in by hand with the source of every row (`data/published/*.csv`)."""

import pandas as pd
import pandera.pandas as pa

from allrelapse import paths
from allrelapse.data.schemas import read_table
from allrelapse.errors import InputError

TIMING = ("very early", "early", "late")
"""Groups of relapses by time since diagnosis: <9, 9-36, >36 months (Li 2020, abstract)."""
GENES = [
    "NR3C1",
    "NR3C2",
    "TP53",
    "NT5C2",
    "FPGS",
    "CREBBP",
    "MSH2",
    "MSH6",
    "PMS2",
    "WHSC1",
    "PRPS1",
    "PRPS2",
]
"""The 12 genes with relapse-specific alterations (Li 2020, abstract)."""
FORMER = {"NSD2": "WHSC1"}
"""Names by today's nomenclature and those that the abstract and the genes of GRCh37 have."""

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
    "relapse_genes": pa.DataFrameSchema(
        {
            "study": pa.Column(str),
            "cohort": pa.Column(str, nullable=True),
            "gene": pa.Column(str, pa.Check.isin(GENES)),
            "lineage": pa.Column(str, pa.Check.isin(["B", "T"]), nullable=True),
            "stage": pa.Column(str, pa.Check.isin(["diagnosis", "relapse"])),
            "group": pa.Column(str, nullable=True),
            "carriers": pa.Column("Int64", pa.Check.ge(0), nullable=True),
            "samples": pa.Column("Int64", pa.Check.ge(1), nullable=True),
            "percent": pa.Column(float, pa.Check.in_range(0, 100), nullable=True),
            "note": pa.Column(str, nullable=True),
            "source": pa.Column(str),
        }
    ),
    "genes": pa.DataFrameSchema(
        {
            "gene": pa.Column(str, pa.Check.isin(GENES), unique=True),
            "uniprot": pa.Column(str, pa.Check.str_matches(r"^[OPQ]\d[A-Z0-9]{3}\d$"), unique=True),
            "amino_acids": pa.Column(int, pa.Check.ge(1)),
            "pathway": pa.Column(str),
            "source": pa.Column(str),
        }
    ),
    "resistance_sites": pa.DataFrameSchema(
        {
            "gene": pa.Column(str, pa.Check.isin(GENES)),
            "protein": pa.Column(str, pa.Check.str_matches(r"^p\.[A-Z]\d+[A-Z*]$")),
            "chromosome": pa.Column(str),
            "position": pa.Column("Int64", pa.Check.ge(1), nullable=True),
            "reference": pa.Column(str, pa.Check.isin(list("ACGT"))),
            "alternative": pa.Column(str, pa.Check.isin(list("ACGT"))),
            "channel": pa.Column(str, pa.Check.str_matches(r"^[ACGTRYN]\[[CT]>[ACGT]\][ACGTRYN]$")),
            "basis": pa.Column(str, pa.Check.isin(["sequence", "codon"])),
            "drug": pa.Column(str),
            "resistance": pa.Column(str, pa.Check.isin(["stated", "inferred", "assumed"])),
            "source": pa.Column(str),
        }
    ),
    "fold_changes": pa.DataFrameSchema(
        {
            "study": pa.Column(str),
            "gene": pa.Column(str, pa.Check.isin(GENES)),
            "change": pa.Column(str),
            "line": pa.Column(str, nullable=True),
            "drug": pa.Column(str, nullable=True),
            "fold": pa.Column(float, pa.Check.gt(0), nullable=True),
            "note": pa.Column(str, nullable=True),
            "source": pa.Column(str),
        }
    ),
    "survival_after_relapse": pa.DataFrameSchema(
        {
            "study": pa.Column(str),
            "lineage": pa.Column(str, pa.Check.isin(["B", "T"]), nullable=True),
            "group": pa.Column(str),
            "percent": pa.Column(float, pa.Check.in_range(0, 100)),
            "standard_error": pa.Column(float, pa.Check.gt(0), nullable=True),
            "endpoint": pa.Column(str),
            "source": pa.Column(str),
        }
    ),
    "hazard_ratios": pa.DataFrameSchema(
        {
            "study": pa.Column(str),
            "feature": pa.Column(str),
            "hazard_ratio": pa.Column(float, pa.Check.gt(0)),
            "lower": pa.Column(float, pa.Check.gt(0)),
            "upper": pa.Column(float, pa.Check.gt(0)),
            "source": pa.Column(str),
        },
        checks=pa.Check(
            lambda t: (t["lower"] < t["hazard_ratio"]) & (t["hazard_ratio"] < t["upper"])
        ),
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
