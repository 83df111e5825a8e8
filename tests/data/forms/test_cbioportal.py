"""A small cBioPortal study, written by each test, and what is wrong with many like it.

Forms: https://docs.cbioportal.org/file-formats; a month is 365.25 / 12 = 30.4375 days.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data.cohort_file import CohortFile
from allrelapse.data.forms import cbioportal
from allrelapse.errors import InputError

META = "cancer_study_identifier: all_toy\nname: Toy: a study\nreference_genome: hg19\n"
MAF = {
    "Hugo_Symbol": "NT5C2",
    "Entrez_Gene_Id": "22978",
    "NCBI_Build": "GRCh37",
    "Chromosome": "10",
    "Start_Position": "104850401",
    "Variant_Classification": "Missense_Mutation",
    "Reference_Allele": "C",
    "Tumor_Seq_Allele1": "C",
    "Tumor_Seq_Allele2": "T",
    "Tumor_Sample_Barcode": "P1_R1",
    "HGVSp_Short": "p.R367Q",
    "t_ref_count": "60",
    "t_alt_count": "40",
}


def tsv(*rows, comments=""):
    """Rows of dicts as tab-separated text; the columns are those of the first."""
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    return comments + "\n".join(lines) + "\n"


def clinical(*rows):
    """With the four commented lines above the names."""
    width = len(rows[0])
    return tsv(*rows, comments="".join("#" + "\t".join(["x"] * width) + "\n" for _ in range(4)))


def patient(name="P1", **more):
    return {"PATIENT_ID": name, **more}


def sample(name, owner="P1", **more):
    return {"PATIENT_ID": owner, "SAMPLE_ID": name, **more}


def mutation(**more):
    return {**MAF, **more}


FILES = {
    "meta_study.txt": META,
    "data_clinical_patient.txt": clinical(patient(RFS_STATUS="1:Recurred", RFS_MONTHS="12")),
    "data_clinical_sample.txt": clinical(sample("P1_D1"), sample("P1_R1")),
    "data_mutations.txt": tsv(mutation()),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Writes and reads a study: the small one with other files in place of some, or without."""

    def read(build=None, **changed):
        folder = tmp_path_factory.mktemp("study")
        changed = {
            {"meta": "meta_study.txt", "maf": "data_mutations.txt"}.get(
                name, f"data_clinical_{name}.txt"
            ): text
            for name, text in changed.items()
        }
        for name, text in {**FILES, **changed}.items():
            if text is not None:
                (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        assert cbioportal.fits(folder, CohortFile(build=build))
        return cbioportal.read(folder, CohortFile(build=build))

    return read


def refused(study, **changed):
    with pytest.raises(InputError) as caught:
        study(**changed)
    return str(caught.value)


def patients(study, *rows):
    return study(patient=clinical(*rows), sample=None, maf=None)[0]["patients"]


def mutations(study, *rows):
    return study(maf=tsv(*rows))[0]["mutations"]


def test_a_study_gives_patients_samples_and_mutations(study):
    tables, build, _ = study()
    assert build == "GRCh37"
    assert tables["patients"].to_dict("list") == {"patient": ["P1"], "relapse_day": [365.25]}
    assert tables["samples"].to_dict("list") == {
        "sample": ["P1_D1", "P1_R1"],
        "patient": ["P1", "P1"],
        "stage": ["diagnosis", "relapse"],
        "day": [0, 365.25],
    }
    assert tables["mutations"].to_dict("records") == [
        {
            "sample": "P1_R1",
            "Hugo_Symbol": "NT5C2",
            "Chromosome": "10",
            "Start_Position": 104850401,
            "Reference_Allele": "C",
            "Tumor_Seq_Allele2": "T",
            "HGVSp_Short": "p.R367Q",
            "t_alt_count": 40,
            "t_depth": 100,
            "Variant_Classification": "Missense_Mutation",
        }
    ]


def test_a_folder_without_meta_study_is_none(tmp_path):
    assert not cbioportal.fits(tmp_path, CohortFile())


def test_tables_that_are_absent_stay_so(study):
    assert list(study(sample=None, maf=None)[0]) == ["patients"]
    assert list(study(maf=None)[0]) == ["patients", "samples"]


def test_without_a_file_of_patients_they_are_those_of_the_samples(study):
    rows = [sample("P2_D", "P2", SEX="M"), sample("P1_D", SEX="F"), sample("P1_R", SEX="")]
    tables, _, notes = study(patient=None, sample=clinical(*rows), maf=None)
    assert tables["patients"].to_dict("list") == {
        "patient": ["P2", "P1"],
        "sex": ["male", "female"],
    }
    assert any("patients are those of" in note for note in notes)


def test_without_any_clinical_file_the_study_is_refused(study):
    assert "has neither" in refused(study, patient=None, sample=None)


@pytest.mark.parametrize(
    ("told", "sex"), [("Male", "male"), ("F", "female"), ("FEMALE", "female"), ("m", "male")]
)
def test_sex_is_read_in_every_spelling(told, sex, study):
    assert patients(study, patient(GENDER=told))["sex"].tolist() == [sex]


def test_survival_in_months_becomes_days_and_state(study):
    rows = [
        patient(f"P{i}", OS_STATUS=status, OS_MONTHS="24")
        for i, status in enumerate(["1:DECEASED", "0:LIVING", "DECEASED", "LIVING"])
    ]
    found = patients(study, *rows)
    assert found["status"].tolist() == ["dead", "alive"] * 2
    assert (found["follow_up_day"] == 730.5).all()


@pytest.mark.parametrize(
    "gap", ["", "NA", "[Not Available]", "[Unknown]", "[not applicable]", "Unknown", "N/A"]
)
def test_gaps_in_all_their_spellings_are_missing(gap, study):
    full = {"SEX": "F", "AGE": "3.5", "OS_STATUS": "0:LIVING", "OS_MONTHS": "1", "WBC": "50"}
    empty = patient("P2", **dict.fromkeys(full, gap))
    found = patients(study, patient(**full), empty).set_index("patient")
    assert found.loc["P2"].isna().all()
    assert found.loc["P1"].notna().all()


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ({"RFS_STATUS": "1:Recurred", "RFS_MONTHS": "12"}, 365.25),
        ({"DFS_STATUS": "1:Recurred/Progressed", "DFS_MONTHS": "12"}, 365.25),
        ({"EFS_STATUS": "1:Relapse", "EFS_MONTHS": "24"}, 730.5),
        ({"EFS_STATUS": "0:CENSORED", "EFS_MONTHS": "24"}, None),
        ({"DFS_STATUS": "DiseaseFree", "DFS_MONTHS": "24"}, None),
        ({"EFS_STATUS": "1:Death", "EFS_MONTHS": "24"}, None),
        ({"EFS_STATUS": "1:EVENT", "EFS_MONTHS": "24"}, None),
        (
            {
                "PFS_STATUS": "1:PROGRESSION",
                "PFS_MONTHS": "24",
                "RFS_STATUS": "1:Recurred",
                "RFS_MONTHS": "12",
            },
            365.25,
        ),
        (
            {
                "PFS_STATUS": "1:PROGRESSION",
                "PFS_MONTHS": "24",
                "RFS_STATUS": "[Not Available]",
                "RFS_MONTHS": "",
            },
            730.5,
        ),
    ],
)
def test_the_day_of_relapse_is_that_of_the_first_end_which_tells_one(told, day, study):
    found = patients(study, patient(**told))["relapse_day"]
    assert found.isna().all() if day is None else found.tolist() == [day]


def test_events_that_are_not_said_to_be_relapses_are_noted(study):
    text = clinical(patient(EFS_STATUS="1:EVENT", EFS_MONTHS="24"))
    assert "EFS_STATUS: 1 events are not said to be relapses, not used" in study(patient=text)[2]


@pytest.mark.parametrize(
    ("told", "subtype", "lineage"),
    [
        ({"SUBTYPE": "ETV6-RUNX1", "CELL_OF_ORIGIN": "B-Precursor"}, "ETV6-RUNX1", "B"),
        ({"CANCER_TYPE_DETAILED": "T-Lymphoblastic Leukemia"}, "T-Lymphoblastic Leukemia", "T"),
        ({"CANCER_TYPE_DETAILED": "B-ALL with t(9;22)"}, "B-ALL with t(9;22)", "B"),
        ({"CANCER_TYPE_DETAILED": "Leukemia"}, "Leukemia", None),
    ],
)
def test_subtype_and_lineage_come_from_the_columns_that_tell_them(told, subtype, lineage, study):
    found = patients(study, patient(**told)).iloc[0]
    assert found["subtype"] == subtype
    assert found["lineage"] == lineage if lineage else found[["lineage"]].isna().all()


def test_what_only_the_samples_tell_of_a_patient_is_used(study):
    told = clinical(sample("P1_D", CANCER_TYPE_DETAILED="B-ALL"), sample("P1_R", CANCER="x"))
    assert study(sample=told, maf=None)[0]["patients"]["lineage"].tolist() == ["B"]


def test_notes_name_the_columns_that_are_used_and_those_that_are_not(study):
    notes = study(patient=clinical(patient(SEX="F", RACE="x", AGE="3")))[2]
    assert "columns of patients that are used: PATIENT_ID, SEX, AGE" in notes
    assert "data_clinical_patient.txt: columns that are not used: RACE" in notes


def test_all_unknown_words_of_patients_are_told_with_line_and_column(study):
    rows = [
        patient(SEX="F", OS_STATUS="0:LIVING", OS_MONTHS="3", DFS_STATUS="", DFS_MONTHS=""),
        patient("P2", SEX="X", OS_STATUS="lost", OS_MONTHS="3 m", DFS_STATUS="?", DFS_MONTHS="y"),
    ]
    told = refused(study, patient=clinical(*rows), sample=None, maf=None)
    assert "has 5 faults" in told
    assert "line 7, column SEX: 'X' must be one of m, male, f, female" in told
    assert "line 7, column OS_STATUS: 'lost' must be one of 0:living" in told
    assert "line 7, column OS_MONTHS: '3 m' must be a number of months" in told
    assert "line 7, column DFS_STATUS: '?' must be such as 0:DiseaseFree" in told
    assert "line 7, column DFS_MONTHS: 'y' must be a number of months" in told


def test_a_number_out_of_range_is_told_under_their_name(study):
    told = refused(study, patient=clinical(patient(AGE="400")))
    assert "line 6" in told
    assert "AGE" in told


def test_a_patient_told_twice_is_refused(study):
    assert "PATIENT_ID" in refused(study, patient=clinical(patient(), patient()))


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("Primary", "diagnosis"),
        ("Initial Diagnosis", "diagnosis"),
        ("Recurrent Blood Derived Cancer - Bone Marrow", "relapse"),
        ("RELAPSE", "relapse"),
        ("Blood Derived Normal", "germline"),
        ("remission", "remission"),
    ],
)
def test_the_stage_of_a_sample_is_read_from_its_word(word, stage, study):
    found = study(sample=clinical(sample("S1", SAMPLE_TYPE=word)), maf=None)[0]["samples"]
    assert found["stage"].tolist() == [stage]


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("TARGET-10-PAIXSD-03A-01D", "diagnosis"),
        ("TARGET-10-PAIXSD-09A", "diagnosis"),
        ("TARGET-10-PAIXSD-04A-01D", "relapse"),
        ("TARGET-10-PAIXSD-04", "relapse"),
        ("TARGET-10-PAIXSD-40A", "relapse"),
        ("TARGET-10-PAIXSD-10A-01D", "germline"),
        ("TARGET-10-PAIXSD-14A", "germline"),
        ("SJALL1_D", "diagnosis"),
        ("SJALL1_R2", "relapse"),
        ("SJALL1_G1", "germline"),
    ],
)
def test_the_stage_of_a_sample_without_a_word_is_read_from_its_id(name, stage, study):
    rows = [sample(name, SAMPLE_CLASS="Tumor")]
    assert study(sample=clinical(*rows), maf=None)[0]["samples"]["stage"].tolist() == [stage]


@pytest.mark.parametrize("word", ["Xenograft", "Non-relapse", "Primary and relapse"])
def test_a_word_for_no_stage_is_refused_with_the_words_that_are_known(word, study):
    rows = [sample("P1_D", SAMPLE_TYPE="Primary"), sample("P1_X", SAMPLE_TYPE=word)]
    told = refused(study, sample=clinical(*rows))
    assert f"line 7, column SAMPLE_TYPE: sample 'P1_X': {word!r} must name one stage" in told
    assert "primary, diagnosis" in told


def test_an_id_that_tells_no_stage_is_refused(study):
    told = refused(study, sample=clinical(sample("TARGET-10-PAIXSD-61A"), sample("S1")))
    assert "line 6: sample 'TARGET-10-PAIXSD-61A': its stage is not told" in told
    assert "line 7: sample 'S1': its stage is not told: add a column SAMPLE_TYPE" in told


def test_of_several_relapse_samples_none_is_given_the_day_of_the_first_relapse(study):
    rows = [sample("P1_D"), sample("P1_R1"), sample("P1_R2")]
    tables, _, notes = study(sample=clinical(*rows))
    assert tables["samples"]["day"].isna().tolist() == [False, True, True]
    assert any("2 relapse samples" in note for note in notes)


@pytest.mark.parametrize(
    ("told", "fractions"),
    [(["0.8", "1", ""], [0.8, 1]), (["80", "1", ""], [0.8, 0.01]), (["80%", "1", ""], [0.8, 1])],
)
def test_purity_is_a_fraction_or_percent(told, fractions, study):
    rows = [sample(f"P1_D{i}", TUMOR_PURITY=text) for i, text in enumerate(told)]
    found = study(sample=clinical(*rows), maf=None)[0]["samples"]["purity"]
    assert found.dropna().tolist() == pytest.approx(fractions)
    assert found.isna().tolist() == [False, False, True]


def test_a_sample_of_an_unknown_patient_is_refused(study):
    told = refused(study, sample=clinical(sample("P1_D"), sample("P9_D", "P9")))
    assert "line 7, column PATIENT_ID: 'P9' is not in data_clinical_patient.txt" in told


def test_mutations_of_the_older_name_are_read(study, tmp_path):
    for name, text in FILES.items():
        (tmp_path / name.replace("mutations", "mutations_extended")).write_text(text)
    assert len(cbioportal.read(tmp_path, CohortFile())[0]["mutations"]) == 1
    (tmp_path / "data_mutations.txt").write_text(FILES["data_mutations.txt"])
    with pytest.raises(InputError, match="keep one"):
        cbioportal.read(tmp_path, CohortFile())


def test_lines_above_the_names_of_a_maf_are_skipped_and_counted(study):
    text = "#version 2.4\n" + tsv(mutation(Start_Position="x"))
    assert "line 3, column Start_Position: 'x'" in refused(study, maf=text)


@pytest.mark.parametrize(
    ("written", "ours"), [("chr1", "1"), ("23", "X"), ("chrY", "Y"), ("24", "Y"), ("M", "MT")]
)
def test_chromosomes_get_our_names(written, ours, study):
    assert mutations(study, mutation(Chromosome=written))["Chromosome"].tolist() == [ours]


def test_rows_on_other_contigs_are_left_out_and_counted(study):
    text = tsv(mutation(), mutation(Chromosome="GL000192.1"), mutation(Chromosome="chrUn_1"))
    tables, _, notes = study(maf=text)
    assert len(tables["mutations"]) == 1
    assert "data_mutations.txt: 2 rows on other contigs left out: GL000192.1, chrUn_1" in notes


def test_a_maf_with_other_contigs_only_is_refused(study):
    row = mutation(Chromosome="GL000192.1")
    assert "no row is on chromosomes 1 to 22" in refused(study, maf=tsv(row))
    unknown = tsv({**row, "Tumor_Sample_Barcode": "P9"})
    assert "'P9' is not in" in refused(study, maf=unknown)


def test_faults_of_words_and_of_numbers_are_told_together(study):
    told = refused(study, patient=clinical(patient(SEX="X", AGE="old")))
    assert "column SEX: 'X'" in told
    assert "column AGE" in told


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [("C", "T", "T"), ("T", "C", "T"), ("T", "", "T"), ("c", "t", "T"), ("C", "-", "-")],
)
def test_the_allele_of_the_tumour_is_the_one_that_is_not_the_reference(first, second, found, study):
    row = mutation(Tumor_Seq_Allele1=first, Tumor_Seq_Allele2=second)
    assert mutations(study, row)["Tumor_Seq_Allele2"].tolist() == [found]


def test_neighbouring_substitutions_stay_together(study):
    found = mutations(study, mutation(Reference_Allele="CC", Tumor_Seq_Allele2="TT"))
    assert found[["Reference_Allele", "Tumor_Seq_Allele2"]].to_numpy().tolist() == [["CC", "TT"]]


@pytest.mark.parametrize("allele", ["A,T", "A/T"])
def test_several_alleles_in_one_cell_are_refused_with_the_mend(allele, study):
    told = refused(study, maf=tsv(mutation(Tumor_Seq_Allele2=allele)))
    assert f"line 2, column Tumor_Seq_Allele2: {allele!r} has several alleles: split it" in told


def test_a_row_without_a_mutation_is_refused(study):
    assert "'C' is the reference allele" in refused(study, maf=tsv(mutation(Tumor_Seq_Allele2="C")))


@pytest.mark.parametrize(
    ("counts", "alt", "depth"),
    [
        ({"t_ref_count": "60", "t_alt_count": "40"}, 40, 100),
        ({"t_ref_count": "60", "t_alt_count": "40", "t_depth": "110"}, 40, 110),
        ({"t_ref_count": "60", "t_alt_count": "40", "t_depth": ""}, 40, 100),
        ({"t_ref_count": "", "t_alt_count": "40"}, 40, None),
        ({"t_ref_count": "", "t_alt_count": ""}, None, None),
    ],
)
def test_depth_is_given_or_the_sum_of_both_counts(counts, alt, depth, study):
    found = mutations(study, mutation(**counts))[["t_alt_count", "t_depth"]].iloc[0]
    assert [None if value != value else value for value in found.astype(float)] == [alt, depth]


def test_a_count_of_no_number_is_refused(study):
    rows = [mutation(), mutation(Start_Position="5", t_ref_count="many")]
    assert "line 3, column t_ref_count: 'many'" in refused(study, maf=tsv(*rows))


def test_rows_that_repeat_another_one_count_once(study):
    tables, _, notes = study(maf=tsv(mutation(), mutation(), mutation(Hugo_Symbol="CNNM2")))
    assert tables["mutations"]["Hugo_Symbol"].tolist() == ["NT5C2"]
    assert "data_mutations.txt: 1 rows that repeat another one left out" in notes
    assert any("1 rows left out that only differ" in note for note in notes)


def test_the_same_mutation_with_other_counts_is_refused_with_both_lines(study):
    rows = [mutation(Start_Position="7"), mutation(), mutation(t_alt_count="41")]
    assert "line 4: is the mutation of line 3 in the same sample with other reads" in refused(
        study, maf=tsv(*rows)
    )


def test_a_mutation_of_an_unknown_sample_is_refused(study):
    told = refused(study, maf=tsv(mutation(), mutation(Tumor_Sample_Barcode="P1_R9")))
    assert "line 3, column Tumor_Sample_Barcode: 'P1_R9' is not in data_clinical_sample" in told


def test_an_absent_column_of_mutations_is_told_under_its_name(study):
    row = {name: cell for name, cell in MAF.items() if name != "Reference_Allele"}
    assert "column Reference_Allele" in refused(study, maf=tsv(row))


@pytest.mark.parametrize(
    ("meta", "maf", "build"),
    [
        ("hg19", "37", "GRCh37"),
        ("hg38", "GRCh38", "GRCh38"),
        (None, "hg38", "GRCh38"),
        ("hg38", "", "GRCh38"),
        (None, "", ""),
    ],
)
def test_the_genome_is_what_any_file_says(meta, maf, build, study):
    text = f"reference_genome: {meta}\n" if meta else "name: toy\n"
    assert study(meta=text, maf=tsv(mutation(NCBI_Build=maf)))[1] == build


def test_genomes_that_contradict_each_other_are_refused_by_name(study):
    told = refused(study, maf=tsv(mutation(NCBI_Build="hg38")))
    assert "meta_study.txt says GRCh37, data_mutations.txt says GRCh38" in told
    assert "cohort.yaml says GRCh38" in refused(study, build="GRCh38")
    mixed = tsv(mutation(), mutation(NCBI_Build="GRCh38", Start_Position="5"))
    assert "GRCh37 in line 2, GRCh38 in line 3" in refused(study, maf=mixed)


@pytest.mark.parametrize("name", ["hg18", "mm10", "36"])
def test_other_genomes_are_refused(name, study):
    assert f"{name!r} must be GRCh37" in refused(study, maf=tsv(mutation(NCBI_Build=name)))
    assert "reference_genome" in refused(study, meta=f"reference_genome: {name}\n")


def test_a_file_that_was_not_fetched_from_git_lfs_is_told(study):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert "git lfs pull" in refused(study, maf=text)


@given(
    st.sampled_from(["meta", "patient", "sample", "maf"]),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 4), st.binary(max_size=3)),
        min_size=1,
        max_size=3,
    ),
)
def test_random_edits_of_a_study_raise_nothing_but_input_errors(study, name, edits):
    key = {"meta": "meta_study.txt", "maf": "data_mutations.txt"}.get(
        name, f"data_clinical_{name}.txt"
    )
    content = FILES[key].encode()
    for where, cut, put in edits:
        at = int(where * len(content))
        content = content[:at] + put + content[at + cut :]
    try:
        tables, _, _ = study(**{name: content})
    except InputError:
        return
    assert "patients" in tables


@given(st.data())
def test_random_cells_of_a_study_raise_nothing_but_input_errors(study, data):
    words = st.sampled_from(
        ["", "NA", "-1", "1e9", "x" * 300, "=1", "1:Recurred", "a\tb", "A,T", "-", "0", "é", "%"]
    )
    row = {name: data.draw(st.just(cell) | words) for name, cell in MAF.items()}
    person = {"SEX": "F", "AGE": "3", "OS_STATUS": "0:LIVING", "RFS_STATUS": "", "RFS_MONTHS": ""}
    person = {name: data.draw(st.just(cell) | words) for name, cell in person.items()}
    person["PATIENT_ID"] = "P1"
    taken = {"PATIENT_ID": "P1", "SAMPLE_ID": "P1_R1", "TUMOR_PURITY": data.draw(words)}
    try:
        study(maf=tsv(row), patient=clinical(person), sample=clinical(taken))
    except InputError:
        return


def test_a_lineage_that_is_not_understood_is_told(tmp_path):
    (tmp_path / "meta_study.txt").write_text(META)
    rows = "PATIENT_ID\tLINEAGE\nP1\tB-ALL\nP2\tunknown origin\nP3\tNA\n"
    (tmp_path / "data_clinical_patient.txt").write_text(rows)
    found, _, notes = cbioportal.read(tmp_path, CohortFile())
    assert found["patients"]["lineage"].tolist()[0] == "B"
    assert found["patients"]["lineage"].isna().tolist() == [False, True, True]
    assert "1 patients without lineage, B or T not in: unknown origin" in notes
