"""Open tables about relapse: matched exomes of diagnosis and relapse, lesions at diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from allrelapse.data import files, genome, open_data
from allrelapse.data.cells import refusal
from allrelapse.data.published import FORMER, GENES
from allrelapse.data.schemas import validate
from allrelapse.errors import InputError

PAIRS = "groebner2018/41586_2018_BFnature25480_MOESM3_ESM.xlsx"
LESIONS = "target-tall/lesion_data.rda"

SUBTYPES = ["B-ALLother", "B-ALL-HYPO", "T-ALL"]
RELAPSE = "Relapse_of_"
SAMPLE_COLUMNS = {
    "Sample": "sample",
    "Cancer Type": "subtype",
    "Relapse of Other Sample": "relapse_of",
    "Gender": "sex",
    "Age": "age_years",
    "On target coverage (Tumor)": "depth",
}
COUNT_COLUMNS = {"Sample": "sample", "SNVs": "snvs", "Indels": "indels"}
LESION_COLUMNS = {
    "ID": "patient",
    "chrom": "chromosome",
    "loc.start": "start",
    "loc.end": "end",
    "lsn.type": "type",
}

POSITIVE = pa.Check.gt(0)
COUNT = pa.Column(int, pa.Check.ge(0), coerce=True)
DEPTH = pa.Column(float, POSITIVE, coerce=True)
PAIRS_SCHEMA = pa.DataFrameSchema(
    {
        "lineage": pa.Column(str, pa.Check.isin(["B", "T"])),
        "subtype": pa.Column(str, pa.Check.isin(SUBTYPES)),
        "sex": pa.Column(str, pa.Check.isin(["female", "male"])),
        "age_years": pa.Column(float, pa.Check.in_range(0, 120), coerce=True),
        "diagnosis_snvs": COUNT,
        "relapse_snvs": COUNT,
        "diagnosis_indels": COUNT,
        "relapse_indels": COUNT,
        "diagnosis_depth": DEPTH,
        "relapse_depth": DEPTH,
    },
    index=pa.Index(str, unique=True, name="patient"),
)
LESIONS_SCHEMA = pa.DataFrameSchema(
    {
        "patient": pa.Column(str, coerce=True),
        "chromosome": pa.Column(str, pa.Check.isin(genome.NAMES), coerce=True),
        "start": pa.Column(float, POSITIVE),
        "end": pa.Column(float, POSITIVE),
        "type": pa.Column(str, pa.Check.isin(["mutation", "loss", "gain", "fusion"]), coerce=True),
    }
)


@dataclass(frozen=True)
class Lesions:
    """Lesions that meet genes, and the patients in whom they were looked for.

    Attributes
    ----------
    lesions : one row per patient, gene and type; `patient`, `gene`, `type` (mutation, loss, gain
        or fusion), `span` (bases of the smallest such lesion, int64)
    patients : names of all patients, sorted, also of those without such a lesion
    """

    lesions: pd.DataFrame
    patients: "pd.Index[str]"


def groebner_pairs() -> pd.DataFrame:
    """29 matched exomes of ALL at diagnosis and at relapse, one row per pair (21 B, 8 T).

    Returns
    -------
    Index `patient` (name of the primary sample); `lineage` (B or T); `subtype` as published;
    `sex`; `age_years` of the primary, which a relapse repeats, so that nothing tells when it came;
    `diagnosis_snvs`, `relapse_snvs`, `diagnosis_indels` and `relapse_indels`, somatic mutations in
    the coding region (those of a relapse include what it shares with its primary);
    `diagnosis_depth` and `relapse_depth`, reads on target.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected.

    Source: Gröbner et al. 2018, Nature 555:321, supplementary tables 2 and 3.
    """
    path = open_data.fetch(PAIRS)
    samples = _sheet(path, "S_Table2", 3, SAMPLE_COLUMNS)
    samples = samples.join(_sheet(path, "S_Table3", 2, COUNT_COLUMNS))
    samples["depth"] = samples["depth"].str.removesuffix("x")
    of_all = samples["subtype"].isin(SUBTYPES)
    relapse = samples[of_all & samples["relapse_of"].str.startswith(RELAPSE)]
    primary = pd.Index(relapse["relapse_of"].str.removeprefix(RELAPSE), name="patient")
    if lost := sorted(set(primary) - set(samples.index)):
        raise refusal(path, [f"sample {x}: has a relapse but is not in S_Table2" for x in lost])
    diagnosis, relapse = samples.loc[primary], relapse.set_axis(primary)
    table = pd.DataFrame(
        {
            "lineage": diagnosis["subtype"].str[0],
            "subtype": diagnosis["subtype"],
            "sex": diagnosis["sex"].str.lower(),
            "age_years": diagnosis["age_years"],
            "diagnosis_snvs": diagnosis["snvs"],
            "relapse_snvs": relapse["snvs"],
            "diagnosis_indels": diagnosis["indels"],
            "relapse_indels": relapse["indels"],
            "diagnosis_depth": diagnosis["depth"],
            "relapse_depth": relapse["depth"],
        }
    )
    return validate(table, PAIRS_SCHEMA, path)


def target_lesions(genes: Sequence[str] = GENES) -> Lesions:
    """Lesions at diagnosis that meet the span of a gene, in 265 young patients with T-ALL.

    Gains and losses of whole chromosomes and their arms meet a gene, too, hence `span`. Mutations
    and fusions are places of one base in the file, so their span is 1.

    Parameters
    ----------
    genes : as Ensembl names them in GRCh38, but WHSC1 for NSD2

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If it is not as expected, or there is no such gene.

    Source: Liu et al. 2017, Nat Genet 49:1211; TARGET, dbGaP phs000218; R package GRIN2 (hg38).
    """
    import rdata  # takes a second, and only this table needs it

    spans = _spans(genes)
    path = open_data.fetch(LESIONS)
    raw = rdata.read_rda(path).get("lesion_data")
    if raw is None:
        raise refusal(path, ["lesion_data: there is no such frame in the file"])
    table = validate(raw.rename(columns=LESION_COLUMNS), LESIONS_SCHEMA, path)
    if len(wrong := table.index[table["end"] < table["start"]]):
        raise refusal(path, [f"row {row}: the lesion ends before it starts" for row in wrong])
    met = table.merge(spans, on="chromosome", suffixes=("", "_gene"))
    met = met[(met["start"] <= met["end_gene"]) & (met["end"] >= met["start_gene"])]
    met = met.assign(span=(met["end"] - met["start"] + 1).astype("int64"))
    lesions = met.groupby(["patient", "gene", "type"], as_index=False)[["span"]].min()
    return Lesions(lesions, pd.Index(sorted(table["patient"].unique()), name="patient"))


def _sheet(path: Path, sheet: str, skip: int, names: Mapping[str, str]) -> pd.DataFrame:
    """The columns of a sheet that have names here, as text, under these and by sample."""
    cells = files.read(path, sheet=sheet, skip=skip)
    faults = [f"row {skip + 1}: has no column {name}" for name in names if name not in cells.header]
    if not faults:
        table = pd.DataFrame(cells.rows, columns=cells.header)[list(names)]
        table = table.rename(columns=names).set_index("sample")
        twice = table.index[table.index.duplicated()]
        faults = [f"sample {name}: occurs twice, must occur once" for name in twice]
    if faults:
        raise refusal(f"{path}, sheet {sheet}", faults)
    return table


def _spans(genes: Sequence[str]) -> pd.DataFrame:
    """Where the genes are in GRCh38: `gene`, `chromosome`, `start`, `end`."""
    table = genome.genes("GRCh38")[["gene", "chromosome", "start", "end"]]
    table = table.assign(gene=table["gene"].replace(FORMER))
    chosen = table[table["gene"].isin(genes)]
    if unknown := sorted(set(genes) - set(chosen["gene"])):
        raise InputError(f"no protein-coding gene {', '.join(unknown)} in GRCh38")
    return chosen
