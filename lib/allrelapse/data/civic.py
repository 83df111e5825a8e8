"""What CIViC knows of variants of genes: clinical evidence, as it was in 2022."""

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from allrelapse.data import open_data
from allrelapse.data.cells import Cells, read_cells, refusal
from allrelapse.data.published import FORMER, GENES
from allrelapse.data.schemas import typed

EVIDENCE = "civic/nightly-ClinicalEvidenceSummaries.tsv"

COLUMNS = {
    "gene": "gene",
    "variant": "variant",
    "disease": "disease",
    "drugs": "drugs",
    "type": "evidence_type",
    "direction": "evidence_direction",
    "level": "evidence_level",
    "significance": "clinical_significance",
    "rating": "rating",
    "citation": "citation",
    "pubmed": "citation_id",
    "source": "source_type",
    "evidence": "evidence_id",
}
"""CIViC's names of the columns by ours."""

TYPES = ["Predictive", "Prognostic", "Diagnostic", "Predisposing", "Functional"]
SCHEMA = pa.DataFrameSchema(
    {
        "gene": pa.Column(str),
        "variant": pa.Column(str),
        "disease": pa.Column(str),
        "drugs": pa.Column(str, nullable=True),
        "type": pa.Column(str, pa.Check.isin(TYPES)),
        "direction": pa.Column(str, pa.Check.isin(["Supports", "Does Not Support", "N/A"])),
        "level": pa.Column(str, pa.Check.isin(list("ABCDE"))),
        "significance": pa.Column(str, nullable=True),
        "rating": pa.Column("Int64", pa.Check.in_range(1, 5), nullable=True),
        "citation": pa.Column(str),
        "pubmed": pa.Column("Int64", pa.Check.gt(0), nullable=True),
        "source": pa.Column(str, pa.Check.isin(["PubMed", "ASCO"])),
        "evidence": pa.Column(int, pa.Check.gt(0), unique=True),
    }
)


def evidence(genes: Sequence[str] = GENES) -> pd.DataFrame:
    """CIViC's clinical evidence on variants of the genes, one row per item; a snapshot of 2022.

    An item is what one paper says of one variant. It may be against the claim: read
    `significance` with `direction` only.

    Parameters
    ----------
    genes : as the study names them, WHSC1 for NSD2; those without evidence have no rows

    Returns
    -------
    `gene`; `variant`; `disease`; `drugs`, separated by commas, in no fixed order, missing where
    the item is about none; `type` (Predictive, Prognostic, Predisposing and so on); `direction`
    (Supports, Does Not Support or N/A); `level`: A validated association, B clinical evidence,
    C case study, D preclinical evidence, E inferential association; `significance` as published
    (Resistance, Poor Outcome and so on); `rating`, 1 to 5 stars, or missing; `citation`;
    `pubmed`, its number in PubMed, missing where it is a conference abstract; `evidence`, CIViC's
    number of the item. Sorted by `gene`, `variant` and `evidence`.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Griffith et al. 2017, Nat Genet 49:170; CIViC (civicdb.org), CC0 1.0.
    """
    path = open_data.fetch(EVIDENCE)
    cells = read_cells(path, delimiter="\t")
    if absent := [name for name in COLUMNS.values() if name not in cells.header]:
        raise refusal(path, [f"line 1: has no column {name}" for name in absent])
    places = [cells.header.index(name) for name in COLUMNS.values()]
    rows = [[row[place] for place in places] for row in cells.rows]
    table = typed(Cells(list(COLUMNS), rows, cells.lines), SCHEMA, path, COLUMNS)
    table["gene"] = table["gene"].replace(FORMER)
    # the number of a conference abstract is ASCO's own
    table["pubmed"] = table["pubmed"].where(table.pop("source") == "PubMed")
    chosen = table[table["gene"].isin(genes)]
    return chosen.sort_values(["gene", "variant", "evidence"], ignore_index=True)
