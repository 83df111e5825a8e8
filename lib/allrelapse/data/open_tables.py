"""Open data sets as tables: typed, with plain names and units, checked."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from allrelapse.data import open_data
from allrelapse.data.cells import integer, read_cells, refusal
from allrelapse.data.schemas import validate

CLINICAL = "target-tall/clin_data.rda"
ACTIVITIES = "stjude-mtsg/reference.sj.clinical-pilot-g4k-pcgp.20201016.tsv"

FLAG = pa.Check.isin([0, 1])
POSITIVE = pa.Check.gt(0)
CLINICAL_SCHEMA = pa.DataFrameSchema(
    {
        "sex": pa.Column(str, pa.Check.isin(["female", "male"])),
        "race": pa.Column(str),
        "age_days": pa.Column(int, POSITIVE),
        "wbc": pa.Column(float, POSITIVE),
        "mrd_day29": pa.Column(float, pa.Check.in_range(0, 100)),
        "mrd_positive": pa.Column(bool),
        "os_years": pa.Column(float, POSITIVE, nullable=True),
        "os_event": pa.Column("Int64", FLAG, nullable=True),
        "efs_years": pa.Column(float, POSITIVE, nullable=True),
        "efs_event": pa.Column("Int64", FLAG, nullable=True),
    },
    index=pa.Index(str, unique=True, name="patient"),
)
SAMPLES_SCHEMA = pa.DataFrameSchema(
    {
        "subtype": pa.Column(str),
        "lineage": pa.Column(str, pa.Check.isin(["B-ALL", "T-ALL", "other"])),
        "is_all": pa.Column(bool),
        "relapse": pa.Column(bool),
    },
    index=pa.Index(str, unique=True, name="sample"),
)


@dataclass(frozen=True)
class Activities:
    """Mutations attributed to signatures in each sample, and what the samples are.

    Attributes
    ----------
    exposures : n x k, mutations (int64); index `sample`, columns `SBS1`, `SBS7a` and so on
    samples : n rows, same index; `subtype` as published, `lineage` (B-ALL, T-ALL or other),
        `is_all` and `relapse` (truth values)
    """

    exposures: pd.DataFrame
    samples: pd.DataFrame


def target_clinical() -> pd.DataFrame:
    """265 children and young people with newly diagnosed T-ALL (trial AALL0434), one row each.

    Returns
    -------
    Index `patient` (TARGET's name); `sex`; `race`; `age_days` at diagnosis; `wbc`, 10^9 per litre;
    `mrd_day29`, percent; `mrd_positive` as the owners have it (meant as above 0.1 percent, which
    7 patients contradict); `os_years` and `os_event` (1 = died); `efs_years` and `efs_event`
    (1 = event, of a kind that is not public). 3 patients have no times; one of them has a flag.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Liu et al. 2017, Nat Genet 49:1211; TARGET, dbGaP phs000218; R package GRIN2, whose
    columns `os.censor` and `efs.censor` are 1 where the event happened.
    """
    import rdata  # takes a second, and only this table needs it

    path = open_data.fetch(CLINICAL)
    raw = rdata.read_rda(path)["clin_data"]
    table = pd.DataFrame(
        {
            "sex": raw["Sex"].astype(object).str.lower(),
            "race": raw["Race"].astype(object),
            "age_days": raw["Age_Days"].astype("int64"),
            "wbc": raw["WBC"],
            "mrd_day29": raw["MRD29"],
            "mrd_positive": raw["MRD.binary"].astype("boolean").astype(bool),
            "os_years": raw["os.time"],
            "os_event": raw["os.censor"].astype("Int64"),
            "efs_years": raw["efs.time"],
            "efs_event": raw["efs.censor"].astype("Int64"),
        }
    )
    table.index = pd.Index(raw["ID"].astype(object), name="patient")
    return validate(table, CLINICAL_SCHEMA, path)


def stjude_activities() -> Activities:
    """Mutations that St. Jude attributed to 46 COSMIC signatures in 934 paediatric genomes.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: McLeod et al. 2021, Cancer Discov 11:1082 (SigProfiler, GRCh38). A sample whose name
    ends in `_R` is of a relapse, one whose subtype begins with B-ALL or T-ALL is of ALL.
    """
    path = open_data.fetch(ACTIVITIES)
    cells = read_cells(path, delimiter="\t")
    try:
        counts = np.array([[integer(cell) for cell in row[1:]] for row in cells.rows])
    except ValueError as error:
        raise refusal(path, [f"{error} must be a whole number of mutations"]) from None
    names, subtypes = zip(*(name.split("|", 1) for name in cells.header[1:]), strict=True)
    sample = pd.Index(names, name="sample")
    signatures = pd.Index([_cosmic_name(row[0]) for row in cells.rows], name="signature")
    subtype = pd.Series(subtypes, sample)
    lineage = subtype.str.extract("^(B-ALL|T-ALL)", expand=False).fillna("other")
    samples = pd.DataFrame(
        {
            "subtype": subtype,
            "lineage": lineage,
            "is_all": lineage != "other",
            "relapse": sample.str.endswith("_R"),
        }
    )
    count = pa.DataFrameSchema({name: pa.Column(int, pa.Check.ge(0)) for name in signatures})
    exposures = validate(pd.DataFrame(counts.T, sample, signatures), count, path)
    return Activities(exposures, validate(samples, SAMPLES_SCHEMA, path))


def _cosmic_name(name: str) -> str:
    """`SBS7a` of `Signature Subs-07a`."""
    return re.sub(r"^Signature Subs-0*", "SBS", name)
