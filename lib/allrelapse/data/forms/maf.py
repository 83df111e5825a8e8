"""Mutations as MAF files give them, cBioPortal's among them.

Source: https://docs.gdc.cancer.gov/Data/File_Formats/MAF_Format
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.data import contexts
from allrelapse.data.cells import integer, refusal
from allrelapse.data.cohort_file import BUILDS, build_named
from allrelapse.data.forms.study_text import EXAMPLES, converted, read_text, typed_text
from allrelapse.data.tables import VARIANT

MAF = {
    "sample": "Tumor_Sample_Barcode",
    "Hugo_Symbol": "Hugo_Symbol",
    "Chromosome": "Chromosome",
    "Start_Position": "Start_Position",
    "Reference_Allele": "Reference_Allele",
    "Tumor_Seq_Allele2": "Tumor_Seq_Allele2",
    "HGVSp_Short": "HGVSp_Short",
    "t_alt_count": "t_alt_count",
    "t_depth": "t_depth",
    "Variant_Classification": "Variant_Classification",
}
"""Our columns of a mutation, and theirs."""

MAF_ONLY = ("Tumor_Seq_Allele1", "t_ref_count", "NCBI_Build")
"""Columns that say something of those."""


def mutations(
    path: Path, samples: Iterable[str], where: str, notes: list[str]
) -> tuple[pd.DataFrame, str]:
    """The table of mutations, and the genome that the file names.

    Parameters
    ----------
    samples : ids that may occur
    where : file that lists them
    notes : gets what was left out

    Raises
    ------
    InputError
        If rows are malformed, of unknown samples, of two genomes, or contradict each other.
    """
    text = read_text(path, [MAF["sample"], *VARIANT], [*MAF.values(), *MAF_ONLY])
    made = text[[theirs for theirs in MAF.values() if theirs in text]]
    made = made.rename(columns={theirs: ours for ours, theirs in MAF.items()})
    alleles, faults = _alleles(text)
    made = made.assign(**alleles, Chromosome=contexts.plain(text["Chromosome"]))
    made["t_depth"], found = _depth(text)
    faults += found + _strangers(text[MAF["sample"]], samples, where)
    other = made["Chromosome"].isna() & (text["Chromosome"] != "")
    if other.any():
        names = ", ".join(text.loc[other, "Chromosome"].unique()[:EXAMPLES])
        notes.append(f"{path.name}: {int(other.sum())} rows on other contigs left out: {names}")
    made, found = _once(made[~other].fillna(""), path, notes)
    build, unknown = _build(text)
    faults = [*faults, *found, *unknown]
    if made.empty:
        raise refusal(path, faults or ["no row is on chromosomes 1 to 22, X, Y or MT"])
    return typed_text(made, "mutations", path, MAF, faults), build


def _alleles(text: pd.DataFrame) -> tuple[dict[str, "pd.Series[Any]"], list[str]]:
    """Reference and tumour alleles in upper case, and the rows that cannot be one mutation."""
    reference = text["Reference_Allele"].str.upper()
    second = text["Tumor_Seq_Allele2"].str.upper()
    if "Tumor_Seq_Allele1" in text:
        first = text["Tumor_Seq_Allele1"].str.upper()
        second = second.mask((second == "") | (second == reference), first)
    faults = []
    several = second.str.contains("[,/]")
    for line, allele in second[several].items():
        faults.append(
            f"line {line}, column Tumor_Seq_Allele2: {allele!r} has several alleles: "
            "split it into one row per allele"
        )
    same = (second == reference) & (second != "")
    for line, allele in second[same].items():
        faults.append(
            f"line {line}, column Tumor_Seq_Allele2: {allele!r} is the reference allele: "
            "give the one of the tumour, or remove the row"
        )
    second = second.mask(several | same, "")  # they are told already
    return {"Reference_Allele": reference, "Tumor_Seq_Allele2": second}, faults


def _depth(text: pd.DataFrame) -> tuple["pd.Series[Any]", list[str]]:
    """Reads at each position: t_depth where it is given, else those with and without."""
    given = text["t_depth"] if "t_depth" in text else pd.Series("", text.index, dtype="object")
    if "t_alt_count" not in text or "t_ref_count" not in text:
        return given, []
    _, faults = converted(text["t_ref_count"], _count)
    both = pd.to_numeric(text["t_alt_count"], errors="coerce") + pd.to_numeric(
        text["t_ref_count"], errors="coerce"
    )
    told = both.map(lambda total: f"{total:.0f}" if total == total else "")
    return given.where(given != "", told), faults


def _count(text: str) -> str:
    try:
        if integer(text) < 0:
            raise ValueError(text)
    except ValueError:
        raise ValueError("must be a whole number of reads, 0 or more") from None
    return text


def _strangers(barcodes: "pd.Series[Any]", samples: Iterable[str], where: str) -> list[str]:
    """Rows of samples that are not listed, the first of each."""
    strange = barcodes[~barcodes.isin(list(samples)) & (barcodes != "")].drop_duplicates()
    return [
        f"line {line}, column {MAF['sample']}: {sample!r} is not in {where}: add it"
        for line, sample in strange.items()
    ]


def _once(made: pd.DataFrame, path: Path, notes: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Each mutation of a sample once; the same one with other counts is a fault."""
    key = ["sample", *VARIANT]
    counts = [name for name in ("t_alt_count", "t_depth") if name in made]
    copies, again = made.duplicated(), made.duplicated(key)
    if not again.any():
        return made, []
    contradicts = again & ~made.duplicated([*key, *counts])
    first = made.reset_index().groupby(key, sort=False)["line"].transform("first").to_numpy()
    faults = [
        f"line {line}: is the mutation of line {before} in the same sample with other reads "
        "(t_alt_count, t_ref_count, t_depth): keep one"
        for line, before, wrong in zip(made.index, first, contradicts, strict=True)
        if wrong
    ]
    if copies.any():
        notes.append(f"{path.name}: {int(copies.sum())} rows that repeat another one left out")
    if other := int((again & ~copies).sum()):
        notes.append(
            f"{path.name}: {other} rows left out that only differ from another one in gene, "
            "class or protein change"
        )
    return made[~again], faults


def _build(text: pd.DataFrame) -> tuple[str, list[str]]:
    """The genome that all rows name, or nothing; the rows that name none or another."""
    if "NCBI_Build" not in text:
        return "", []
    told = text.loc[text["NCBI_Build"] != "", "NCBI_Build"].drop_duplicates()
    named = told.map(build_named)
    faults = [
        f"line {line}, column NCBI_Build: {build!r} must be GRCh37 (hg19) or GRCh38 (hg38)"
        for line, build in told[~told.str.lower().isin(list(BUILDS))].items()
    ]
    different = named.drop_duplicates()
    if not faults and len(different) > 1:
        where = ", ".join(f"{build} in line {line}" for line, build in different.items())
        faults.append(f"column NCBI_Build: {where}: all must be on one genome")
    return str(named.iloc[0]) if len(named) and not faults else "", faults
