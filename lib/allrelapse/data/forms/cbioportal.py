"""A cBioPortal study folder as a cohort: its clinical files and its mutations (MAF).

Source: https://docs.cbioportal.org/file-formats
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.data.cells import number, refusal
from allrelapse.data.cohort_file import BUILDS, CohortFile, build_named
from allrelapse.data.forms import maf
from allrelapse.data.forms.study_text import EXAMPLES, converted, read_text, typed_text
from allrelapse.data.tables import DAYS_PER_MONTH
from allrelapse.errors import InputError

META = "meta_study.txt"
PATIENTS = "data_clinical_patient.txt"
SAMPLES = "data_clinical_sample.txt"
MUTATIONS = ("data_mutations.txt", "data_mutations_extended.txt")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sex": ("SEX", "GENDER"),
    "age_years": ("AGE_AT_DIAGNOSIS", "AGE"),  # years, as cBioPortal asks
    "wbc": ("WBC", "WBC_AT_DIAGNOSIS"),  # taken as 10⁹ per litre, the files give no unit
    "lineage": ("LINEAGE", "CELL_OF_ORIGIN", "IMMUNOPHENOTYPE", "CANCER_TYPE_DETAILED"),
    "subtype": ("MOLECULAR_SUBTYPE", "SUBTYPE", "CANCER_SUBTYPE", "CANCER_TYPE_DETAILED"),
    "mrd_percent": ("MRD_PERCENT", "MRD_DAY_29"),  # percent at the end of induction
    "protocol": ("PROTOCOL", "TREATMENT_PROTOCOL"),
    "status": ("OS_STATUS",),  # with OS_MONTHS
    "follow_up_day": ("OS_MONTHS",),
}
"""Their columns of a patient for each of ours, the first one that a study has."""

RELAPSE = ("RFS", "EFS", "DFS", "PFS")
"""Ends of which `_STATUS` and `_MONTHS` tell a relapse; per patient the first that tells one.

Freedom from relapse comes first as it names what is asked, from progression last.
"""

STAGE_COLUMNS = ("SAMPLE_TYPE", "SAMPLE_CLASS", "DISEASE_STATUS", "TUMOR_TYPE", "SAMPLE_STAGE")
"""Columns that may name the stage of a sample; the first with a word that is known counts."""

STAGE_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("primary", "diagnosis", "diagnostic", "initial"), "diagnosis"),
    **dict.fromkeys(("recurrence", "recurrent", "recurred"), "relapse"),
    **dict.fromkeys(("relapse", "relapsed"), "relapse"),
    **dict.fromkeys(("normal", "germline"), "germline"),
    "remission": "remission",
}

TARGET_CODES: Mapping[str, str] = {
    **dict.fromkeys(("01", "03", "09"), "diagnosis"),
    **dict.fromkeys(("02", "04", "40"), "relapse"),
    **dict.fromkeys(map(str, range(10, 17)), "germline"),
}
"""Stage by the sample code of a TARGET barcode.

Source: https://gdc.cancer.gov/resources-tcga-users/tcga-code-tables/sample-type-codes
"""

SUFFIXES = {"D": "diagnosis", "R": "relapse", "G": "germline"}
PURITY = ("TUMOR_PURITY", "PURITY")

LIVING = dict.fromkeys(("0:living", "living", "0:alive", "alive", "0"), "alive")
DEAD = dict.fromkeys(("1:deceased", "deceased", "1:dead", "dead", "1"), "dead")
FREE = frozenset({"0", "diseasefree", "disease free", "censored", "progression free", "no"})
RELAPSED = frozenset(
    {"recurred", "recurrence", "relapse", "relapsed", "recurred/progressed"}
    | {"progressed", "progression"}
)

_BARCODE = re.compile(r"TARGET-\d\d-[A-Z0-9]+-(\d\d)[A-Z]?(\.\d)?(-\d\d[A-Z])?")
_SUFFIX = re.compile(r".*_([DRG])\d*")


def fits(folder: Path, file: CohortFile) -> bool:
    """Whether the folder is a cBioPortal study."""
    return (folder / META).is_file()


def read(folder: Path, file: CohortFile) -> tuple[dict[str, pd.DataFrame], str, list[str]]:
    """Patients, samples and mutations of the study, those that there are; build; notes.

    Raises
    ------
    InputError
        If a file is malformed, a word in it is not known, or files contradict each other.
    """
    builds = {META: _meta_build(folder / META)}
    if file.build:
        builds["cohort.yaml"] = file.build
    notes: list[str] = []
    of_samples = _clinical(folder / SAMPLES, ("SAMPLE_ID", "PATIENT_ID"))
    of_patients = _clinical(folder / PATIENTS, ("PATIENT_ID",))
    if of_patients is None and of_samples is None:
        raise InputError(f"{folder} has neither {PATIENTS} nor {SAMPLES}: add one of them")
    tables = {"patients": _patients(folder, of_patients, of_samples, notes)}
    if of_samples is not None:
        tables["samples"] = _samples(folder / SAMPLES, of_samples, tables["patients"], notes)
    there = [folder / name for name in MUTATIONS if (folder / name).is_file()]
    if len(there) > 1:
        raise InputError(f"{folder} has {' and '.join(path.name for path in there)}: keep one")
    for path in there:
        known = tables["samples"]["sample"] if "samples" in tables else ()
        tables["mutations"], builds[path.name] = maf.mutations(path, known, SAMPLES, notes)
    return tables, _one_build(folder, builds), notes


def _meta_build(path: Path) -> str:
    """The genome that the study names, or nothing."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read: save it as text in UTF-8") from None
    entries = dict(line.partition(":")[::2] for line in text.splitlines() if ":" in line)
    told = entries.get("reference_genome", "").strip()
    if not told or told.lower() in BUILDS:
        return str(build_named(told))
    raise refusal(path, [f"reference_genome: {told!r} is not read here; must be hg19 or hg38"])


def _one_build(folder: Path, builds: Mapping[str, str]) -> str:
    """The genome that all agree on, or nothing if none says it."""
    told = {name: build for name, build in builds.items() if build}
    if len(set(told.values())) > 1:
        words = ", ".join(f"{name} says {build}" for name, build in told.items())
        raise InputError(f"{folder}: {words}: correct the wrong one")
    return next(iter(told.values()), "")


def _clinical(path: Path, needed: Iterable[str]) -> pd.DataFrame | None:
    """A clinical file as text, gaps empty; its index is the line. None if there is none."""
    if not path.is_file():
        return None
    return read_text(path, needed)


def _patients(
    folder: Path, own: pd.DataFrame | None, samples: pd.DataFrame | None, notes: list[str]
) -> pd.DataFrame:
    """The table of patients, from their own file or, without one, from that of the samples."""
    source, path = own, folder / PATIENTS
    if samples is not None:
        first = samples.drop(columns="PATIENT_ID").replace("", pd.NA)
        first = first.groupby(samples["PATIENT_ID"], sort=False).first().fillna("")
        if source is None:
            source, path = samples[["PATIENT_ID"]].drop_duplicates(), folder / SAMPLES
            notes.append(f"no {PATIENTS}: patients are those of {SAMPLES}")
        source = _with_first(source, first)
    assert source is not None  # `read` has seen to it
    made, used, faults = _patient_columns(source)
    days, relapse_columns, found = _relapse_days(source, notes)
    if relapse_columns:
        made["relapse_day"] = days
    if "lineage" in used:
        unknown = (made["lineage"] == "") & (source[used["lineage"]] != "")
        if unknown.any():
            words = ", ".join(source.loc[unknown, used["lineage"]].unique()[:EXAMPLES])
            notes.append(f"{int(unknown.sum())} patients without lineage, B or T not in: {words}")
    theirs = {"patient": "PATIENT_ID", **used, "relapse_day": ", ".join(relapse_columns)}
    taken = ["PATIENT_ID", *dict.fromkeys(used.values()), *relapse_columns]
    notes.append(f"columns of patients that are used: {', '.join(taken)}")
    if own is not None:
        _note_ignored(path, own, taken, notes)
    return typed_text(made, "patients", path, theirs, faults + found)


def _with_first(source: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """Patients with what only the file of samples tells of them, from a patient's first cell."""
    wanted = {name for names in COLUMNS.values() for name in names}
    wanted |= {f"{end}_{what}" for end in RELAPSE for what in ("STATUS", "MONTHS")}
    lacking = [str(name) for name in first if name in wanted and name not in source]
    told = {name: source["PATIENT_ID"].map(first[name]).fillna("") for name in lacking}
    return source.assign(**told)


def _note_ignored(path: Path, text: pd.DataFrame, used: Iterable[str], notes: list[str]) -> None:
    ignored = [str(name) for name in text if name not in set(used)]
    if ignored:
        notes.append(f"{path.name}: columns that are not used: {', '.join(ignored)}")


def _patient_columns(source: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Our columns of patients as text, their names of them, and words that are not known."""
    words: dict[str, Callable[[str], str]] = {
        "sex": _one_of({"m": "male", "male": "male", "f": "female", "female": "female"}),
        "status": _one_of({**LIVING, **DEAD}),
        "lineage": _lineage,
        "follow_up_day": _days,
    }
    made = pd.DataFrame({"patient": source["PATIENT_ID"]}, index=source.index)
    used: dict[str, str] = {}
    faults: list[str] = []
    for ours, theirs in COLUMNS.items():
        name = next((name for name in theirs if name in source), None)
        if name is None:
            continue
        used[ours] = name
        made[ours], found = converted(source[name], words.get(ours, str))
        faults += found
    return made, used, faults


def _one_of(words: Mapping[str, str]) -> Callable[[str], str]:
    """Looks a word up in any case; ValueError with the words that are known."""

    def convert(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return words[text.lower()]

    return convert


def _lineage(text: str) -> str:
    """B or T of words such as `B-ALL`, `T-Lymphoblastic Leukemia` or `Precursor B`, else none."""
    found = set(re.findall(r"\b([BT])(?=\b|LL\b|ALL\b)", text))
    return found.pop() if len(found) == 1 else ""


def _days(text: str) -> str:
    """Days of months; ValueError if it is no number."""
    try:
        return repr(number(text) * DAYS_PER_MONTH)
    except ValueError:
        raise ValueError("must be a number of months") from None


def _relapse_days(
    source: pd.DataFrame, notes: list[str]
) -> tuple["pd.Series[Any]", list[str], list[str]]:
    """Day of relapse as text, the columns that tell it, and words that are not known."""
    days = pd.Series("", source.index, dtype="object")
    used: list[str] = []
    faults: list[str] = []
    for end in RELAPSE:
        columns = [f"{end}_STATUS", f"{end}_MONTHS"]
        if not all(name in source for name in columns):
            continue
        event, wrong = converted(source[columns[0]], _event)
        day, no_number = converted(source[columns[1]], _days)
        used, faults = [*used, *columns], [*faults, *wrong, *no_number]
        days = days.mask((days == "") & (event == "relapse"), day)
        if other := int((event == "other").sum()):
            notes.append(f"{columns[0]}: {other} events are not said to be relapses, not used")
    return days, used, faults


def _event(text: str) -> str:
    """What a status says: `relapse`, an event of `other` or unsaid kind, or `none`."""
    code, colon, word = text.lower().rpartition(":")
    if code == "0" or (not colon and word in FREE):
        return "none"
    if word.strip() in RELAPSED and code in ("", "1"):
        return "relapse"
    if code == "1" or (not colon and word == "1"):
        return "other"
    raise ValueError("must be such as 0:DiseaseFree, 1:Recurred or 1:Relapse")


def _samples(
    path: Path, text: pd.DataFrame, patients: pd.DataFrame, notes: list[str]
) -> pd.DataFrame:
    """The table of samples."""
    column = _stage_column(text)
    words = text[column] if column else pd.Series("", text.index)
    stages, faults = [], []
    for line, sample, word in zip(text.index, text["SAMPLE_ID"], words, strict=True):
        try:
            stages.append(_stage(sample, word))
        except ValueError as error:
            stages.append("diagnosis")  # no second fault: the table is refused anyway
            place = f"line {line}, column {column}" if word else f"line {line}"
            faults.append(f"{place}: sample {sample!r}: {error}")
    strangers = ~text["PATIENT_ID"].isin(patients["patient"])
    faults += [
        f"line {line}, column PATIENT_ID: {patient!r} is not in {PATIENTS}: add it"
        for line, patient in text.loc[strangers, "PATIENT_ID"].items()
    ]
    made = pd.DataFrame({"sample": text["SAMPLE_ID"], "patient": text["PATIENT_ID"]})
    made["stage"] = stages
    made["day"] = _sample_days(made, patients, notes)
    theirs = {"sample": "SAMPLE_ID", "patient": "PATIENT_ID", "stage": column or "SAMPLE_ID"}
    if name := next((name for name in PURITY if name in text), None):
        made["purity"], theirs["purity"] = _purity(text[name]), name
    notes.append(f"stage of samples from {column or 'their ids'}")
    used = [*theirs.values(), *(name for names in COLUMNS.values() for name in names)]
    _note_ignored(path, text, used, notes)
    return typed_text(made, "samples", path, theirs, faults)


def _stage_column(text: pd.DataFrame) -> str | None:
    """The first column that names a stage in at least one row."""
    there = [name for name in STAGE_COLUMNS if name in text]
    return next((name for name in there if any(map(_stages_in, text[name].unique()))), None)


def _stages_in(word: str) -> set[str]:
    """The stages that a cell such as `Recurrent Blood Derived Cancer` names."""
    tokens = re.findall("[a-z]+", word.lower())
    if {"no", "non", "not", "without"} & set(tokens):
        return set()
    return {STAGE_WORDS[token] for token in tokens if token in STAGE_WORDS}


def _stage(sample: str, word: str) -> str:
    """The stage of a sample by its word, or by its id where it has none."""
    found = _stages_in(word)
    if not word and (barcode := _BARCODE.fullmatch(sample)):
        found = {TARGET_CODES[barcode[1]]} if barcode[1] in TARGET_CODES else set()
    elif not word and (suffix := _SUFFIX.fullmatch(sample)):
        found = {SUFFIXES[suffix[1]]}
    if len(found) == 1:
        return found.pop()
    known = ", ".join(STAGE_WORDS)
    if word:
        raise ValueError(f"{word!r} must name one stage ({known}), or remove the sample")
    raise ValueError(
        f"its stage is not told: add a column SAMPLE_TYPE that says one of {known}, "
        "or end the id in _D, _R or _G"
    )


def _sample_days(made: pd.DataFrame, patients: pd.DataFrame, notes: list[str]) -> "pd.Series[Any]":
    """Day of sampling as text: 0 at diagnosis, that of the relapse for its only sample."""
    relapse = made["stage"] == "relapse"
    several = relapse & (made["patient"].where(relapse).duplicated(keep=False))
    if several.any():
        notes.append(
            f"{int(several.sum())} relapse samples of patients with several have no day: "
            "which one is of the first relapse is not told"
        )
    days = pd.Series("", made.index, dtype="object")
    days[made["stage"] == "diagnosis"] = "0"
    if "relapse_day" in patients:
        told = patients.set_index("patient")["relapse_day"].dropna().map(repr)
        days[relapse & ~several] = made["patient"].map(told)
    return days.fillna("")


def _purity(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Purity as a fraction: in percent are cells with `%`, and all if any is over 1."""
    bare = pd.to_numeric(column.str.removesuffix("%"), errors="coerce")
    percent = column.str.endswith("%") | bool((bare[~column.str.endswith("%")] > 1).any())
    share = (bare / 100).map(repr)
    return column.where(~(percent & bare.notna()), share)
