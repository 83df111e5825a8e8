"""What a cohort's tables tell of the origin of each relapse, in the form that `origin` takes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from allrelapse.data.tables import VARIANT
from allrelapse.errors import InputError
from allrelapse.evolution.detection import detection_limit

THERAPY = ("SBS86", "SBS87")
SEEN = 1e-3  # of reads; from there on no wrong bases, at ten times their usual rate
FEW = 6  # mutations of the founder that are followed; more tell no more


def gained(
    patients: pd.DataFrame,
    exposures: pd.DataFrame,
    doubling: pd.DataFrame | None = None,
    *,
    therapy: Sequence[str] = THERAPY,
) -> pd.DataFrame:
    """Day of relapse, gained mutations and residual disease of each relapsed patient.

    Parameters
    ----------
    patients : of a cohort: `patient`, `relapse_day`, and `mrd_percent` if it was measured
    exposures : patients x signatures, mutations gained at relapse; patients without a pair of
        samples may be absent
    doubling : `patients` of `doubling.doubling_time`: per patient with serial samples
        `doubling_days`, `lower`, `upper` (95 %); with an open end it is not used
    therapy : signatures of the drugs

    Returns
    -------
    Indexed by patient: the columns that `origin` takes; NaN where not known.

    Raises
    ------
    InputError
        If a patient has two rows of exposures.
    """
    if not exposures.index.is_unique:
        twice = exposures.index[exposures.index.duplicated()][0]
        raise InputError(f"exposures: patient {twice} occurs twice; give one row per patient")
    table = patients.set_index("patient")
    table = table[table["relapse_day"].notna()]
    drugs = exposures.reindex(columns=list(therapy), fill_value=0.0).sum(axis=1)
    found = pd.DataFrame({"therapy": drugs, "other": exposures.sum(axis=1) - drugs})
    found = found.reindex(table.index)
    residual = table["mrd_percent"] if "mrd_percent" in table else pd.Series(np.nan, table.index)
    columns = ["doubling_days", "lower", "upper"]
    serial = pd.DataFrame(columns=columns) if doubling is None else doubling[columns]
    serial = serial.reindex(table.index).astype(float).replace([0.0, np.inf], np.nan)
    log_se = (serial["upper"] / serial["lower"]).map(np.log) / (2 * norm.ppf(0.975))
    return pd.DataFrame(
        {
            "relapse_day": table["relapse_day"].astype(float),
            "therapy": found["therapy"],
            "other": found["other"],
            "mrd_percent": residual.astype(float),
            "doubling": serial["doubling_days"].where(log_se.notna()),
            "doubling_se": log_se,
        }
    )


def founder_reads(
    serial_samples: pd.DataFrame, serial_variants: pd.DataFrame, occurrence: pd.DataFrame
) -> pd.DataFrame:
    """Serial reads of mutations that the founder of the relapse had and the diagnosis had not.

    Of each patient up to six: those that change a protein first, then those of most cells at
    relapse. What deep reads of the first sample show was there before, and is left out.

    Parameters
    ----------
    serial_samples, serial_variants : tables of a cohort
    occurrence : of all mutations, from `signatures.occurrence`

    Returns
    -------
    `patient`, `day`, `t_alt_count`, `t_depth`, one row per sample: reads are added up, as the
    mutations are of the same cells.
    """
    mine = occurrence[(occurrence["when"] == "relapse only") & (occurrence["ccf_relapse"] > 0.5)]
    reads = serial_variants.merge(
        serial_samples[["serial_sample", "patient", "day"]], on="serial_sample", validate="m:1"
    )
    columns = ["patient", *VARIANT]
    first = reads.sort_values("day", kind="stable").drop_duplicates(columns)
    absent = first["t_alt_count"] < SEEN * first["t_depth"]
    followed = first.loc[absent, columns]
    chosen = mine.merge(followed, on=columns, validate="1:1")
    order = chosen.assign(neutral=chosen["HGVSp_Short"].isna(), less=-chosen["ccf_relapse"])
    order = order.sort_values(["patient", "neutral", "less"], kind="stable")
    chosen = order.groupby("patient").head(FEW)[columns]
    kept = reads.merge(chosen, on=columns, validate="m:1")
    counts = kept.groupby(["patient", "day"], as_index=False)[["t_alt_count", "t_depth"]].sum()
    return counts.astype({"t_alt_count": int, "t_depth": int})


def variant_names(table: pd.DataFrame) -> "pd.Series[str]":
    """One name for each mutation, the same in all tables of a patient: `17:7578406 C>T`."""
    where = table["Chromosome"].astype(str) + ":" + table["Start_Position"].astype(str)
    return where + " " + table["Reference_Allele"] + ">" + table["Tumor_Seq_Allele2"]


def paired_reads(
    mutations: pd.DataFrame, samples: pd.DataFrame, sex: str | None = None
) -> pd.DataFrame:
    """Reads of one patient at diagnosis and relapse, in the form that `clones.cluster` takes.

    Parameters
    ----------
    mutations : of a cohort, of both samples of the patient; those without reads are left out
    samples : the patient's two
    sex : of the patient; a male's X has one copy in normal cells

    Returns
    -------
    The rows with `variant`, `sample` (diagnosis or relapse), `purity`, `normal_copies`, and `ccf`,
    the fraction of leukaemia cells if one copy is mutated (0 without reads).
    """
    stages = samples.loc[samples["stage"].isin(["diagnosis", "relapse"])]
    table = mutations.merge(stages[["sample", "stage", "purity"]], on="sample", validate="m:1")
    table = table.dropna(subset=["t_depth", "Reference_Allele"])
    haploid = table["Chromosome"].eq("X") & (sex == "male")
    normal, copies = np.where(haploid, 1, 2), table["copy_number"].fillna(2.0)
    share = (table["t_alt_count"] / table["t_depth"]).fillna(0.0)
    return table.assign(
        variant=variant_names(table),
        sample=table["stage"],
        normal_copies=normal,
        copy_number=copies,
        ccf=share * (copies + normal * (1 / table["purity"] - 1)),
    )


def cells_by_clone(
    serial_samples: pd.DataFrame,
    serial_variants: pd.DataFrame,
    clone: "pd.Series[int]",
    marrow: float,
    *,
    error: float = 1e-4,
) -> pd.DataFrame:
    """Cells that carry each clone's mutations on each day: twice the share of reads, pooled.

    Reads that wrong bases alone would give count as none: the clone is below the limit of
    detection then, which is not the same as gone.

    Parameters
    ----------
    serial_samples, serial_variants : of one patient
    clone : by variant name
    marrow : cells of the whole body that are 100 %
    error : share of reads with one given wrong base

    Returns
    -------
    Days x clones, cells. A clone without mutations in the panel is left out.
    """
    table = serial_variants.assign(clone=variant_names(serial_variants).map(clone))
    table = table.dropna(subset=["clone"]).merge(
        serial_samples[["serial_sample", "day"]], on="serial_sample", validate="m:1"
    )
    reads = table.groupby(["day", "clone"])[["t_alt_count", "t_depth"]].sum()
    share = reads["t_alt_count"] / reads["t_depth"]
    seen = share >= detection_limit(reads["t_depth"].clip(lower=1), error=error)
    cells = (2 * (share - error) / (1 - error)).clip(0, 1).where(seen, 0.0)
    return (marrow * cells.where(reads["t_depth"] > 0)).unstack("clone")


def nested(cells: pd.DataFrame, parents: Mapping[int, int | None]) -> pd.DataFrame:
    """The same with no clone smaller than its children together, as reads alone may have it.

    Parameters
    ----------
    cells : days x clones, that carry each clone's mutations; gaps are filled along time
    parents : of each clone, None for the founder
    """
    whole = cells.interpolate("index", limit_direction="both").copy()
    clones = [int(name) for name in whole.columns]
    for clone in sorted(clones, key=lambda name: -len(_line(name, parents))):
        children = [child for child in clones if parents.get(child) == clone]
        whole[clone] = np.maximum(whole[clone], whole[children].sum(axis=1))
    return whole


def _line(clone: int, parents: Mapping[int, int | None]) -> list[int]:
    """The ancestors of a clone."""
    above = parents.get(clone)
    return [] if above is None else [above, *_line(above, parents)]
