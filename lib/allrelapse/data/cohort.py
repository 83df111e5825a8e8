"""A cohort: validated tables of patients, samples and mutations, wherever they come from.

One door for all: our own tables, a cBioPortal study folder, spreadsheets with a column map, VCF
files with a sample sheet, and the simulated cohort.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.data import cohort_file, contexts, tables
from allrelapse.data.cells import refusal
from allrelapse.data.forms import cbioportal, mapped, native, vcf
from allrelapse.data.published import FORMER
from allrelapse.errors import InputError

FORMS = {
    "cBioPortal study": cbioportal,
    "column map": mapped,
    "VCF files": vcf,
    "our tables": native,
}
"""Modules with `fits(folder, file)` and `read(folder, file)`, in the order in which they are asked.

`read` gives validated tables by name, the genome (or "") and notes in words.
"""


SIMULATED = "simulated"
"""The protocol of simulated patients."""


@dataclass(frozen=True)
class Cohort:
    """The tables of a cohort; those that it lacks are None.

    Columns, units and limits of each are in `allrelapse.data.tables.SCHEMAS`.

    name : what the cohort is called
    build : genome of the positions, `GRCh37` or `GRCh38`; empty if it has none
    form : where the tables came from, in words
    notes : what was left out or taken for granted when it was read, in words
    truth : planted tables of a simulated cohort, by name; None for a real one
    """

    name: str
    patients: pd.DataFrame
    samples: pd.DataFrame | None = None
    mutations: pd.DataFrame | None = None
    serial_samples: pd.DataFrame | None = None
    serial_variants: pd.DataFrame | None = None
    drug_response: pd.DataFrame | None = None
    build: str = ""
    form: str = "our tables"
    notes: tuple[str, ...] = ()
    truth: Mapping[str, pd.DataFrame] | None = field(default=None, repr=False)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that there are, by name."""
        found = {name: getattr(self, name) for name in tables.SCHEMAS}
        return {name: table for name, table in found.items() if table is not None}


def load(path: str | Path) -> Cohort:
    """The cohort in a folder, in any of the `FORMS`; `data/README.md` shows each.

    Raises
    ------
    InputError
        If the folder holds none, or anything in it is wrong; every fault with file, line, column
        and mend (the first 20 of a table).
    """
    folder = Path(path)
    if not folder.is_dir():
        fault = "is a file; unpack it" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {fault}; a cohort is a folder of tables")
    file = cohort_file.read(folder)
    for form, module in FORMS.items():
        if module.fits(folder, file):
            found, build, notes = module.read(folder, file)
            made = assemble(folder, file, form, found, build, notes)
            truth = native.read_truth(folder)
            if not truth and (made.patients["protocol"] == SIMULATED).any():
                raise InputError(
                    f"{folder}: patients of protocol {SIMULATED!r} without the folder truth/: what "
                    "is found in them would pass for real; keep the simulated cohort whole"
                )
            return replace(made, truth=truth, form="simulated") if truth else made
    names = ", ".join(sorted(entry.name for entry in folder.iterdir())[:10]) or "nothing"
    raise InputError(
        f"{folder} holds no cohort: it needs patients.csv (or .parquet), meta_study.txt of a "
        f"cBioPortal study, or a cohort.yaml with a column map; found {names}. "
        "Name files in lower case, save .xls as .xlsx, and give the folder that holds the tables"
    )


def assemble(
    folder: Path,
    file: cohort_file.CohortFile,
    form: str,
    found: Mapping[str, pd.DataFrame],
    build: str,
    notes: list[str],
) -> Cohort:
    """A cohort of validated tables: gaps filled from what is known, and all fit for each other.

    Raises
    ------
    InputError
        If a table names what another lacks, or times are out of order, or the genome at
        `file.fasta` is not that of the mutations.
    """
    full = {name: tables.complete(table, name) for name, table in found.items()}
    if faults := tables.misfits(full):
        raise refusal(folder, faults)
    for table in full.values():
        table.attrs.clear()  # where rows came from matters no more
    people = full["patients"]
    people["timing"] = people["timing"].fillna(tables.timing(people["relapse_day"]))
    if file.fasta is not None and "mutations" in full:
        full["mutations"], note = contexts.add(full["mutations"], folder / file.fasta)
        notes = [*notes, note]
    notes = [*notes, *_former_names(full)]
    if "mutations" in full:
        notes = [*notes, *_lacking(full["mutations"])]
    fields: dict[str, Any] = full | {
        "name": name(folder, file),
        "build": file.build or build,
        "form": form,
        "notes": tuple(notes),
    }
    return Cohort(**fields)


def _former_names(full: dict[str, pd.DataFrame]) -> list[str]:
    """Genes get the names that the study has for them, in place; says which, in words."""
    notes = []
    for name in {"mutations", "serial_variants"} & set(full):
        genes = full[name]["Hugo_Symbol"]
        newer = sorted(set(genes.dropna()) & set(FORMER))
        if newer:
            full[name] = full[name].assign(Hugo_Symbol=genes.replace(FORMER))
            notes += [f"{name}: {gene} is called {FORMER[gene]} here" for gene in newer]
    return sorted(notes)


def _lacking(mutations: pd.DataFrame) -> list[str]:
    """What analyses will miss in the mutations, in words."""
    notes = []
    if mutations["context"].isna().all():
        notes.append("no trinucleotide contexts, so no signatures: name a fasta in cohort.yaml")
    if mutations["Hugo_Symbol"].isna().all():
        notes.append("no names of genes, so none is found altered")
    return notes


def name(folder: Path, file: cohort_file.CohortFile) -> str:
    """What a cohort is called: as `cohort.yaml` says, else as its folder."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-_")
    return file.name or slug[:64] or "cohort"


def write(cohort: Cohort, folder: Path, *, csv: bool = False) -> None:
    """Write the tables of a cohort into a folder, from which `load` reads the same ones.

    Parameters
    ----------
    csv : as CSV, with 10 significant digits, instead of Parquet; the truth is always Parquet
    """
    with native.Writer(folder, csv=csv) as out:
        out.add(cohort.tables)
        out.add({f"truth/{name}": table for name, table in (cohort.truth or {}).items()})
    about = {"name": cohort.name} | ({"build": cohort.build} if cohort.build else {})
    text = "".join(f"{key}: {value}\n" for key, value in about.items())
    (folder / cohort_file.FILE).write_text(text, encoding="utf-8")


def pairs(samples: pd.DataFrame) -> pd.DataFrame:
    """The first diagnosis and the first relapse sample of every patient who has both.

    Returns
    -------
    One row per patient: `patient`, `diagnosis`, `relapse` (ids of samples).
    """
    ordered = samples.sort_values(["day", "sample"])
    first = ordered.groupby(["patient", "stage"])["sample"].first().unstack("stage")
    first = first.reindex(columns=["diagnosis", "relapse"]).dropna()
    return first.reset_index().rename_axis(columns=None)
