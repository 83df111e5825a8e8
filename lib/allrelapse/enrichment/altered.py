"""Genes that are hit between diagnosis and relapse: in whom, how, and more often than lost."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta, binom

from allrelapse import exact
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
DELETION = "Gene_Deletion"
TRUNCATING = frozenset(
    {"Nonsense_Mutation", "Splice_Site", "Frame_Shift_Del", "Frame_Shift_Ins", "Nonstop_Mutation"}
)
"""MAF's classes of mutations that end the protein early, or are likely to."""


def altered_genes(
    mutations: pd.DataFrame,
    samples: pd.DataFrame,
    genes: Collection[str] | None = tuple(published.GENES),
    *,
    reads: int = READS,
) -> pd.DataFrame:
    """Which genes carry a protein-changing alteration in each patient, and when.

    Parameters
    ----------
    mutations, samples : tables of a cohort; a mutation without a count of reads was called
    genes : names; those of `published.GENES` if not given, any gene for None
    reads : with the variant, from which it is taken to be there

    Returns
    -------
    One row per patient with mutations of both samples and gene that is altered in either:
    `patient`, `gene`, `diagnosis`, `relapse` (truth values).
    """
    both = _sequenced_pairs(mutations, samples)
    both = both.melt("patient", var_name="stage", value_name="sample")
    seen = ~(mutations["t_alt_count"] < reads).fillna(value=False).astype(bool)
    wanted = mutations["Hugo_Symbol"].notna()
    wanted &= True if genes is None else mutations["Hugo_Symbol"].isin(list(genes))
    hits = mutations[seen & wanted & kind_of_change(mutations["Variant_Classification"]).notna()]
    hits = hits[["sample", "Hugo_Symbol"]].merge(both, on="sample", validate="m:1")
    table = pd.crosstab([hits["patient"], hits["Hugo_Symbol"]], hits["stage"]) > 0
    table = table.reindex(columns=["diagnosis", "relapse"], fill_value=False)
    return table.rename_axis(columns=None).reset_index(names=["patient", "gene"])


def kind_of_change(classes: "pd.Series[str]") -> "pd.Series[str]":
    """`missense`, `truncating`, `deletion` or `other` by MAF's class; missing if none is known.

    `other` are changes in frame and what else alters a protein.
    """
    kind = pd.Series("other", classes.index, dtype="object")
    kind[classes == "Missense_Mutation"] = "missense"
    kind[classes.isin(TRUNCATING)] = "truncating"
    kind[classes == DELETION] = "deletion"
    return kind.mask(classes.isna() | classes.isin(UNCHANGED), None)


def relapse_specific(
    mutations: pd.DataFrame,
    samples: pd.DataFrame,
    genes: Collection[str] | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Is a gene altered at relapse alone in more patients than at diagnosis alone?

    McNemar's null, as many gains as losses, does not hold for a bystander where relapses have more
    mutations than diagnoses. `p_burden` asks instead whether the gene is gained more often than
    the genes outside of the 12 are.

    Parameters
    ----------
    mutations, samples : tables of a cohort
    genes : names; every gene that is altered in anyone if not given

    Returns
    -------
    One row per gene, the surest first: patients in whom an alteration is `gained`, `lost` or
    `kept`, `patients` with both samples; `odds_ratio` of gain against loss with its exact
    interval; `p_value` of McNemar's exact two-sided test; `q_value` over the genes; `p_burden`,
    one-sided, 1 if no other gene changes.

    Source: McNemar 1947; conditional on gained + lost the gains are binomial, and their exact
    interval (Clopper & Pearson 1934) is that of the odds.
    """
    altered = altered_genes(mutations, samples, None)
    both = altered["diagnosis"] & altered["relapse"]
    kinds = pd.DataFrame(
        {
            "gained": altered["relapse"] & ~both,
            "lost": altered["diagnosis"] & ~both,
            "kept": both,
        }
    )
    every = kinds.groupby(altered["gene"]).sum()
    wanted = every.index if genes is None else sorted(set(genes))
    table = every.reindex(wanted, fill_value=0)
    asked = published.GENES if genes is None else [*published.GENES, *wanted]
    others = every.drop(index=asked, errors="ignore")
    table["patients"] = len(_sequenced_pairs(mutations, samples))
    odds = _odds(table["gained"].to_numpy(), table["lost"].to_numpy(), level)
    table = table.join(pd.DataFrame(odds, index=table.index))
    table["q_value"] = exact.q_values(table["p_value"]) if len(table) else table["p_value"]
    gained, lost = others["gained"].sum(), others["lost"].sum()
    usual = gained / (gained + lost) if gained + lost else 1.0
    table["p_burden"] = binom.sf(table["gained"] - 1, table["gained"] + table["lost"], usual)
    table = table.rename_axis("gene").reset_index()
    return table.sort_values(["p_value", "gained", "gene"], ascending=[True, False, True])


def _odds(gained: np.ndarray, lost: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Odds of gain against loss with interval, and P of even odds; 1 where nothing changed."""
    total, tail = gained + lost, (1 - level) / 2
    lower = np.where(gained > 0, beta.ppf(tail, gained, lost + 1), 0.0)
    upper = np.where(lost > 0, beta.ppf(1 - tail, gained + 1, lost), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {"odds_ratio": gained / lost, "odds_ratio_lower": lower / (1 - lower)}
        values["odds_ratio_upper"] = upper / (1 - upper)
    fewer = np.minimum(gained, lost)
    return values | {"p_value": np.minimum(2 * binom.cdf(fewer, total, 0.5), 1)}


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
