"""When and where a mutation is seen: at diagnosis, at relapse or both, in all cells or in some."""

import numpy as np
import pandas as pd
from scipy.stats import beta

from allrelapse.data import cohort, spectra
from allrelapse.data.tables import READS, VARIANT

WHEN = ("shared", "diagnosis only", "relapse only")
KEPT = ["Hugo_Symbol", "HGVSp_Short", "Variant_Classification", "context"]
MEASURED = ["t_alt_count", "t_depth", "copy_number", "purity"]


def occurrence(
    mutations: pd.DataFrame, samples: pd.DataFrame, *, reads: int = READS, level: float = 0.95
) -> pd.DataFrame:
    """Every mutation of the patients with diagnosis and relapse, with when it is seen.

    Not seen is not absent: a clone below the limit of sequencing is missed.

    Parameters
    ----------
    mutations, samples : tables of a cohort
    reads : with the variant, from which a mutation counts as seen; without a count it was called
    level : of the interval by which it is called subclonal

    Returns
    -------
    One row per patient and mutation: `patient`, what identifies it, `Hugo_Symbol`, `HGVSp_Short`,
    `Variant_Classification`, `context`, `channel` (as A[C>A]A; missing if it has none), `when`
    (one of `WHEN`), `ccf` (fraction of the tumour cells, of the relapse if seen there), its
    `ccf_upper` limit, and `clonality`: `subclonal` where that limit is below 1, else `clonal` (or
    not told from it), missing without reads and purity; `ccf_diagnosis` and `ccf_relapse`, 0
    where it is not seen.
    """
    both = cohort.pairs(samples[samples["sample"].isin(mutations["sample"])])
    both = both.melt("patient", var_name="stage", value_name="sample")
    seen = ~(mutations["t_alt_count"] < reads).fillna(value=False).astype(bool)
    found = mutations[seen].merge(both, on="sample", validate="m:1")
    found = found.merge(samples[["sample", "purity"]], on="sample", validate="m:1")
    key = ["patient", *VARIANT]
    stages = found.groupby(key, dropna=False)["stage"].agg(set)
    # sorted by stage the relapse comes last
    table = found.sort_values("stage", kind="stable").drop_duplicates(key, keep="last")
    table = table.set_index(key)[[*KEPT, *MEASURED]].sort_index()
    names = {"diagnosis": WHEN[1], "relapse": WHEN[2]}
    when = [WHEN[0] if len(s) == 2 else names[next(iter(s))] for s in stages.reindex(table.index)]
    table = table.assign(when=when).reset_index()
    alleles = (table[column] for column in ("Reference_Allele", "Tumor_Seq_Allele2", "context"))
    table["channel"] = spectra.channel(*alleles)
    table = _with_cells(table, level).drop(columns=MEASURED)
    relapsed = table["when"] != WHEN[1]
    early = _with_cells(found[found["stage"] == "diagnosis"], level).set_index(key)["ccf"]
    before = early.reindex(pd.MultiIndex.from_frame(table[key])).to_numpy()
    table["ccf_diagnosis"] = np.where(table["when"] == WHEN[2], 0.0, before)
    table["ccf_relapse"] = table["ccf"].where(relapsed, 0.0)
    return table


def gained_spectra(
    mutations: pd.DataFrame, samples: pd.DataFrame, *, reads: int = READS
) -> pd.DataFrame:
    """Spectra of what each diagnosis had and of what its relapse gained: 96 x 2 per patient.

    Therapy cannot have made what was there before, so what it did stands out in the second.

    Parameters
    ----------
    mutations, samples : tables of a cohort; patients without both samples are left out
    reads : with the variant, from which a mutation counts as seen; without a count it was called
    """
    both = cohort.pairs(samples[samples["sample"].isin(mutations["sample"])])
    both = both.melt("patient", var_name="stage", value_name="sample")
    seen = ~(mutations["t_alt_count"] < reads).fillna(value=False).astype(bool)
    found = mutations[seen].merge(both, on="sample", validate="m:1")
    stages = found.groupby(["patient", *VARIANT], dropna=False)["stage"].transform("nunique")
    return spectra.from_mutations(found[(found["stage"] == "diagnosis") | (stages == 1)])


def _with_cells(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The fraction of tumour cells with each mutation, on one copy, with its upper limit.

    c = v (p C + 2 (1 - p)) / p, for purity p and C copies in the tumour cells (2 if not known).
    The limit is Clopper and Pearson's for the share v of reads.
    """
    with_variant, depth, copies, purity = (table[name].astype(float) for name in MEASURED)
    copies_of_all = purity * copies.fillna(2) + 2 * (1 - purity)
    per_read = copies_of_all / purity.where(purity > 0)
    share = with_variant / depth.where(depth > 0)
    upper = beta.ppf((1 + level) / 2, with_variant + 1, depth - with_variant)
    limit = np.where(with_variant == depth, 1.0, upper) * per_read
    clonality = pd.Series(np.where(limit < 1, "subclonal", "clonal"), table.index, dtype="object")
    clonality[(share * per_read).isna()] = None
    return table.assign(ccf=share * per_read, ccf_upper=limit, clonality=clonality)
