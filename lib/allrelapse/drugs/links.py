"""Which gene resists which class of drugs, from what is published."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "mercaptopurine": "thiopurine",
        "6-mercaptopurine": "thiopurine",
        "thioguanine": "thiopurine",
        "6-thioguanine": "thiopurine",
        "methotrexate": "methotrexate",
        "prednisolone": "glucocorticoid",
        "dexamethasone": "glucocorticoid",
        "cytarabine": "nucleoside analogue",
        "gemcitabine": "nucleoside analogue",
        "nelarabine": "nucleoside analogue",
        "arabinosylguanine": "nucleoside analogue",
        "doxorubicin": "anthracycline",
        "daunorubicin": "anthracycline",
        "asparaginase": "asparaginase",
    }
)
"""Classes of the drugs of leukaemia by their names in small letters."""
SEVERAL = "several drugs"
ORDER = (*dict.fromkeys(CLASSES.values()), SEVERAL)
MEASURED, INFERRED, ASSUMED = "measured", "inferred", "assumed"
COLUMNS = ["gene", "drug_class", "resist", "tested", "unit", "basis", "source"]


def resistance_links(
    sites: pd.DataFrame, folds: pd.DataFrame, evidence: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Genes, the classes of drugs that they resist, and how that is known.

    Parameters
    ----------
    sites, folds : the published tables `resistance_sites` and `fold_changes`
    evidence : of `civic.evidence`, if at hand: of it, what predicts the response of leukaemia

    Returns
    -------
    One row per gene and class: `resist` of `tested` variants or cell lines (`unit`), missing where
    nothing was counted; `basis`: `measured` (cells or patients were exposed), `inferred` (from what
    the change does to the protein, or from what the source says of some variant) or `assumed` (so
    said in `resistance_sites`); `source`. What was measured goes before what is inferred.
    """
    parts = [_inferred(sites, folds)]
    if evidence is not None:
        parts.append(_of_variants(evidence))
    parts.append(_of_lines(folds))
    rank = {MEASURED: 0, INFERRED: 1, ASSUMED: 2}
    links = pd.concat([part for part in parts if len(part)])
    links = links.sort_values("basis", key=lambda basis: basis.map(rank), kind="stable")
    links = links.drop_duplicates(["gene", "drug_class"]).sort_values(["gene", "drug_class"])
    return links.astype({"resist": "Int64", "tested": "Int64"})[COLUMNS].reset_index(drop=True)


def _of_variants(evidence: pd.DataFrame) -> pd.DataFrame:
    """Variants that resist, of those of which CIViC has a word on the class of drugs."""
    about = evidence["type"].eq("Predictive") & evidence["disease"].str.contains("Leukemia")
    single = evidence[about & evidence["drugs"].notna()]
    single = single.assign(drug=single["drugs"].str.split(",")).explode("drug")
    single["drug_class"] = single["drug"].str.strip().str.lower().map(CLASSES)
    single["resist"] = single["direction"].eq("Supports") & single["significance"].eq("Resistance")
    single = single.dropna(subset=["drug_class"])
    by = ["gene", "drug_class"]
    variants = single.groupby([*by, "variant"], as_index=False).agg(resists=("resist", "any"))
    counted = variants.groupby(by, as_index=False).agg(
        resist=("resists", "sum"), tested=("resists", "size")
    )
    return counted.assign(unit="variants", basis=MEASURED, source="CIViC, 2022")


def _of_lines(folds: pd.DataFrame) -> pd.DataFrame:
    """Cell lines in which the IC50 rose, of those in which a change was tried."""
    tried = folds[folds["line"].notna()]
    kind = tried["drug"].str.lower().map(CLASSES)
    # a line without a drug was tried with the drugs of the same study
    kind = kind.groupby([tried["study"], tried["gene"]]).transform(lambda one: one.ffill().bfill())
    tried = tried.assign(drug_class=kind, rose=tried["fold"].gt(1))
    lines = tried.groupby(["gene", "drug_class", "line"], as_index=False).agg(
        rose=("rose", "any"), source=("source", "first")
    )
    counted = lines.groupby(["gene", "drug_class"], as_index=False).agg(
        resist=("rose", "sum"), tested=("rose", "size"), source=("source", "first")
    )
    return counted.assign(unit="lines", basis=MEASURED)


def _inferred(sites: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Sites and changes whose resistance the source infers, or our table assumes and says so."""
    known = sites.assign(
        drug_class=sites["drug"].replace("multi", SEVERAL),
        basis=sites["resistance"].replace("stated", INFERRED),
    )
    # of several sites that whose source speaks of resistance is shown
    known = known.sort_values("resistance", key=lambda how: how.ne("stated"), kind="stable")
    unmeasured = folds[folds["fold"].isna() & folds["drug"].notna()]
    changes = unmeasured.assign(
        drug_class=unmeasured["drug"].str.lower().map(CLASSES), basis=INFERRED
    )
    found: pd.DataFrame = pd.concat([known, changes])
    return found[["gene", "drug_class", "basis", "source"]].reindex(columns=COLUMNS)
