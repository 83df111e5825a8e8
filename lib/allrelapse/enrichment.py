"""Genes that are hit between diagnosis and relapse."""

from collections.abc import Collection, Sequence

import pandas as pd

from allrelapse.data import cohort, published
from allrelapse.data.published import TIMING
from allrelapse.data.tables import READS

UNCHANGED = frozenset(
    {
        "Silent", "Intron", "IGR", "RNA", "3'UTR", "5'UTR", "3'Flank", "5'Flank", "lincRNA",
        "Splice_Region", "Targeted_Region",
    }
)  # fmt: skip
"""MAF's classes of mutations that leave the protein as it is, or may do so."""


def altered_genes(
    mutations: pd.DataFrame,
    samples: pd.DataFrame,
    genes: Collection[str] = tuple(published.GENES),
    *,
    reads: int = READS,
) -> pd.DataFrame:
    """Which genes carry a protein-changing alteration in each patient, and when.

    Parameters
    ----------
    mutations, samples : tables of a cohort; a mutation without a count of reads was called
    genes : names; those of `published.GENES` if not given
    reads : with the variant, from which it is taken to be there

    Returns
    -------
    One row per patient with mutations of both samples and gene that is altered in either:
    `patient`, `gene`, `diagnosis`, `relapse` (truth values).
    """
    both = _sequenced_pairs(mutations, samples)
    both = both.melt("patient", var_name="stage", value_name="sample")
    seen = ~(mutations["t_alt_count"] < reads).fillna(value=False).astype(bool)
    changed = mutations["Variant_Classification"].notna()
    changed &= ~mutations["Variant_Classification"].isin(UNCHANGED)
    hits = mutations[seen & changed & mutations["Hugo_Symbol"].isin(list(genes))]
    hits = hits[["sample", "Hugo_Symbol"]].merge(both, on="sample", validate="m:1")
    table = pd.crosstab([hits["patient"], hits["Hugo_Symbol"]], hits["stage"]) > 0
    table = table.reindex(columns=["diagnosis", "relapse"], fill_value=False)
    return table.rename_axis(columns=None).reset_index(names=["patient", "gene"])


def gained_by_timing(
    mutations: pd.DataFrame,
    samples: pd.DataFrame,
    patients: pd.DataFrame,
    genes: Sequence[str] = tuple(published.GENES),
) -> pd.DataFrame:
    """Patients whose relapse has an alteration in any of the genes that their diagnosis had not.

    Returns
    -------
    `group`, `carriers`, `patients`, one row per timing group that has patients with mutations of
    both samples and a known time of relapse, in order.
    """
    genes_hit = altered_genes(mutations, samples, genes)
    gained = genes_hit.loc[genes_hit["relapse"] & ~genes_hit["diagnosis"], "patient"]
    both = _sequenced_pairs(mutations, samples)
    both = both.merge(patients[["patient", "timing"]], on="patient")
    both = both.dropna(subset=["timing"])
    counts = both["patient"].isin(gained).groupby(both["timing"]).agg(["sum", "size"])
    counts = counts.reindex([group for group in TIMING if group in counts.index]).astype(int)
    counts.columns = ["carriers", "patients"]
    return counts.rename_axis("group").reset_index()


def _sequenced_pairs(mutations: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Diagnosis and relapse of patients for whom both have mutations.

    A sample without any was hardly sequenced, and would make everything look gained or lost.
    """
    return cohort.pairs(samples[samples["sample"].isin(mutations["sample"])])
