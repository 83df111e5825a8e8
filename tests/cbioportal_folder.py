"""A study folder as cBioPortal lays it out, filled with simulated patients."""

from pathlib import Path

import pandas as pd

from allrelapse import simulate
from allrelapse.data.published import GENES, TIMING

PATIENT_HEADER = [
    "#Patient Identifier\tSex\tAge\tRFS (Months)\tRFS Status\tOS (Months)\tOS Status",
    "#Patient identifier\tSex\tAge in years\tTime to relapse\tRelapsed\tFollow-up\tVital status",
    "#STRING\tSTRING\tNUMBER\tNUMBER\tSTRING\tNUMBER\tSTRING",
    "#1\t1\t1\t1\t1\t1\t1",
]


def write(folder: Path, patients: int, seed: int) -> dict[str, int]:
    """Write the folder; returns how many patients of each group gained one of the 12 genes."""
    cohort = simulate.cohort(seed, patients=patients, serial_patients=0)
    folder.mkdir()
    meta = {"cancer_study_identifier": "toy", "type_of_cancer": "all", "name": "Toy"}
    meta |= {"description": "Simulated patients", "reference_genome": "hg19"}
    (folder / "meta_study.txt").write_text("".join(f"{k}: {v}\n" for k, v in meta.items()))
    people = cohort.patients
    table = pd.DataFrame(
        {
            "PATIENT_ID": people["patient"],
            "SEX": people["sex"].str.title(),
            "AGE": people["age_years"],
            "RFS_MONTHS": (people["relapse_day"] / (365.25 / 12)).round(4),
            "RFS_STATUS": "1:Recurred",
            "OS_MONTHS": (people["follow_up_day"] / (365.25 / 12)).round(4),
            "OS_STATUS": people["status"].map({"dead": "1:DECEASED", "alive": "0:LIVING"}),
        }
    )
    header = "\n".join(PATIENT_HEADER) + "\n"
    (folder / "data_clinical_patient.txt").write_text(header + table.to_csv(sep="\t", index=False))
    tumours = cohort.samples[cohort.samples["stage"].isin(["diagnosis", "relapse"])]
    words = {"diagnosis": "Primary", "relapse": "Recurrence"}
    samples = pd.DataFrame(
        {
            "PATIENT_ID": tumours["patient"],
            "SAMPLE_ID": tumours["sample"],
            "SAMPLE_TYPE": tumours["stage"].map(words),
        }
    )
    rows = [
        "#Patient\tSample\tType",
        "#Patient\tSample\tType",
        "#STRING\tSTRING\tSTRING",
        "#1\t1\t1",
    ]
    text = "\n".join(rows) + "\n" + samples.to_csv(sep="\t", index=False)
    (folder / "data_clinical_sample.txt").write_text(text)
    called = cohort.mutations[cohort.mutations["t_alt_count"] >= 3]
    maf = called.rename(columns={"sample": "Tumor_Sample_Barcode"}).drop(
        columns=["context", "copy_number", "t_depth"]
    )
    maf["t_ref_count"] = called["t_depth"] - called["t_alt_count"]
    maf["Chromosome"] = "chr" + maf["Chromosome"]
    maf["NCBI_Build"] = "GRCh37"
    text = "#version 2.4\n" + maf.to_csv(sep="\t", index=False)
    (folder / "data_mutations.txt").write_text(text)
    return _gained(called, tumours, people)


def _gained(called: pd.DataFrame, tumours: pd.DataFrame, people: pd.DataFrame) -> dict[str, int]:
    """Counted without the library: a set per patient and stage."""
    changed = {"Missense_Mutation", "Nonsense_Mutation", "Splice_Site"}
    hits = called[
        called["Hugo_Symbol"].isin(GENES) & called["Variant_Classification"].isin(changed)
    ]
    of_sample = hits.groupby("sample")["Hugo_Symbol"].agg(set).to_dict()
    counts = dict.fromkeys([g for g in TIMING if g in set(people["timing"])], 0)
    for patient, timing in people[["patient", "timing"]].itertuples(index=False):
        sample = tumours[tumours["patient"] == patient].set_index("stage")["sample"]
        relapse = of_sample.get(sample["relapse"], set())
        counts[timing] += bool(relapse - of_sample.get(sample["diagnosis"], set()))
    return counts
