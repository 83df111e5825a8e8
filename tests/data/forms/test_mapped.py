"""A column map: what a paper's spreadsheet becomes, and what is told when it does not fit."""

import datetime
import gzip

import openpyxl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from allrelapse import paths, yamls
from allrelapse.data import cohort_file, files
from allrelapse.data.forms import mapped
from allrelapse.errors import InputError

PATIENTS = [
    ["Table S1. Patients"],
    ["Patient\nID", "Sex", "Relapse", "Diagnosis", "Months", "Purity (%)", "Notes"],
    ["P1", "M", datetime.datetime(2019, 3, 1), "2018-03-01", 12, 85, "seen"],
    ["P2", None, datetime.datetime(2020, 3, 1), "2020-02-01", 0.5, 50, "<b>x</b>"],
]
COLUMNS = {
    "patient": "Patient ID",
    "sex": {"column": "Sex", "values": {"M": "male", "F": "female"}},
    "relapse_day": {"column": "Relapse", "since": "Diagnosis"},
    "follow_up_day": {"column": "Months", "times": 30.4375},
    "lineage": {"value": "B"},
}


@pytest.fixture
def supplement(tmp_path):
    """Write the sheets of a workbook and read them with a map of tables."""

    def read(tables, *, file="S1.xlsx", **sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in (sheets or {"Patients": PATIENTS}).items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "S1.xlsx")
        given = {
            name: {"file": file, **entry}
            if "columns" in entry
            else {"file": file, "columns": entry}
            for name, entry in tables.items()
        }
        (tmp_path / "cohort.yaml").write_text(yaml.safe_dump({"tables": given}, sort_keys=False))
        described = cohort_file.read(tmp_path)
        assert mapped.fits(tmp_path, described)
        return mapped.read(tmp_path, described)

    return read


def told(read, tables, **sheets):
    """Every line of what is refused, without the titles."""
    with pytest.raises(InputError) as caught:
        read(tables, **sheets)
    return [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]


def patients(columns, **more):
    return {"patients": {"skip": 1, "columns": columns, **more}}


def test_a_table_is_made_as_the_map_says(supplement):
    """2018-03-01 to 2019-03-01 is 365 days, 2020-02-01 to 2020-03-01 is 29; 12 x 30.4375."""
    found, build, notes = supplement(patients(COLUMNS))
    table = found["patients"]
    assert list(table) == list(COLUMNS)
    assert table["patient"].tolist() == ["P1", "P2"]
    assert table["sex"].tolist() == ["male", None]
    assert table["relapse_day"].tolist() == [365.0, 29.0]
    assert table["follow_up_day"].tolist() == [365.25, 15.21875]
    assert table["lineage"].tolist() == ["B", "B"]
    assert build == ""
    assert notes == ["2 columns of S1.xlsx not used: Purity (%), Notes"]


def test_a_column_that_another_table_uses_is_not_told_as_unused(supplement):
    samples = {"sample": "Patient ID", "patient": "Patient ID", "stage": {"value": "relapse"}}
    samples["purity"] = {"column": "Purity (%)", "times": 0.01}
    found, _, notes = supplement({**patients(COLUMNS), "samples": {"skip": 1, "columns": samples}})
    assert found["samples"]["purity"].tolist() == [0.85, 0.5]
    assert notes == ["1 column of S1.xlsx not used: Notes"]


def test_rows_of_samples_become_patients_once(supplement):
    rows = [["id", "sex"], ["P1", "male"], ["P2", "female"], ["P1", "male"], ["P1", "male"]]
    found, _, notes = supplement({"patients": {"patient": "id", "sex": "sex"}}, S=rows)
    assert found["patients"]["patient"].tolist() == ["P1", "P2"]
    assert notes == ["2 repeated rows of S1.xlsx taken once for patients"]


def test_rows_of_one_patient_that_differ_are_told(supplement):
    rows = [["id", "Sex"], ["P1", "male"], ["P1", "male"], ["P1", "female"]]
    assert told(supplement, {"patients": {"patient": "id", "sex": "Sex"}}, S=rows) == [
        "line 2, column id (ours: patient): 'P1' must not occur twice in the column",
        "line 4, column id (ours: patient): 'P1' must not occur twice in the column",
    ]


def test_equal_mutations_are_told_and_not_taken_once(supplement):
    rows = [["s", "c", "p"], ["S1", "1", 5], ["S1", "1", 5]]
    mutations = {"sample": "s", "Chromosome": "c", "Start_Position": "p"}
    lines = told(supplement, {"patients": {"patient": "s"}, "mutations": mutations}, S=rows)
    assert len(lines) == 2
    assert lines[0].startswith("line 2, column c, p, s (ours: Chromosome, Start_Position, sample)")


def test_every_fault_of_the_cells_is_told_with_its_place(supplement):
    rows = [
        ["ID", "Sex", "From", "To", "Months", "Age"],
        ["P1", "male", "2019-01-01", "01/02/2019", "1", "3"],
        ["P2", "F", "2019-02-30", "2019-03-01", "x", "4"],
        ["", "F", "", "soon", "", "200"],
    ]
    columns = {
        "patient": "ID",
        "sex": {"column": "Sex", "values": {"M": "male", "F": "female"}},
        "relapse_day": {"column": "To", "since": "From"},
        "follow_up_day": {"column": "Months", "times": 30},
        "age_years": "Age",
    }
    assert told(supplement, {"patients": columns}, S=rows) == [
        "line 2, column Sex (ours: sex): 'male' is not in values (M, F): add it",
        "line 2, column To (ours: relapse_day): '01/02/2019' may be read in two ways; "
        "write the date as 2019-03-01",
        "line 3, column To (ours: relapse_day): '2019-02-30' of From is no day of the calendar; "
        "correct it",
        "line 3, column Months (ours: follow_up_day): 'x' must be a number, with a point for "
        "decimals",
        "line 4, column To (ours: relapse_day): 'soon' is no date such as 2019-03-01",
        "line 4, column ID (ours: patient): '' must not be empty",
        "line 4, column Age (ours: age_years): 200.0 must be in range 0, 120",
    ]


def test_every_fault_of_the_map_is_told_with_the_mend(supplement):
    columns = {
        "pateint": "Patient ID",
        "sex": {"column": "sex"},
        "lineage": {"column": "Sex", "value": "B"},
        "subtype": {},
        "wbc": {"column": "Months", "times": 2, "values": {"a": "b"}},
        "protocol": {"value": "x", "times": 2},
        "relapse_day": {"column": "Relapse", "since": "Diagnoses"},
    }
    place = "tables.patients.columns"
    assert told(supplement, patients(columns)) == [
        f"{place}.pateint: is no column of patients; did you mean patient?",
        f"{place}.lineage: give either column or value",
        f"{place}.subtype: give either column or value",
        f"{place}.wbc: values and times do not go together: keep one",
        f"{place}.protocol: times goes with column, not with value: remove one",
        f"{place}.patient: is needed: map it",
        f"{place}.sex: S1.xlsx has no column sex; did you mean Sex?",
        f"{place}.relapse_day: S1.xlsx has no column Diagnoses; did you mean Diagnosis?",
    ]


def test_a_map_without_patients_is_refused(supplement):
    samples = {"sample": "Patient ID", "patient": "Patient ID", "stage": {"value": "relapse"}}
    lines = told(supplement, {"samples": {"skip": 1, "columns": samples}})
    assert lines == ["tables.patients: a map of patients is needed: add it"]


def test_faults_of_several_tables_are_told_together(supplement):
    samples = {"sample": "Patient ID", "patient": "Patient ID", "stage": "Sex"}
    people = {"patient": "Sex"}
    lines = told(supplement, {**patients(people), "samples": {"skip": 1, "columns": samples}})
    assert any("(ours: patient)" in line for line in lines)
    assert any("(ours: stage)" in line for line in lines)


@pytest.mark.parametrize(
    "name",
    [
        "../S1.xlsx", "sub/../../x/S1.xlsx", "/etc/passwd", "C:\\S1.xlsx", "..\\S1.xlsx",
        "a\0b.csv", "link.csv", "circle/a.csv", "linked/a.csv", "x" * 5000 + ".csv",
    ],
)  # fmt: skip
def test_a_file_outside_the_folder_is_refused(name, tmp_path):
    folder = tmp_path / "cohort"
    (tmp_path / "out").mkdir()
    folder.mkdir()
    for place in (tmp_path / "S1.xlsx", tmp_path / "out" / "a.csv"):
        place.write_text("id\nP1\n")
    (folder / "link.csv").symlink_to(tmp_path / "out" / "a.csv")
    (folder / "linked").symlink_to(tmp_path / "out")
    (folder / "circle").symlink_to(folder / "circle")
    table = {"file": name, "columns": {"patient": "id"}}
    described = cohort_file.CohortFile.model_validate({"tables": {"patients": table}})
    with pytest.raises(InputError, match="is not inside"):
        mapped.read(folder, described)


def test_a_file_in_a_folder_below_and_a_link_that_stays_inside_are_read(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("id\nP1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "tables" / "a.csv")
    for name in ("tables/a.csv", "link.csv"):
        table = {"file": name, "columns": {"patient": "id"}}
        described = cohort_file.CohortFile.model_validate({"tables": {"patients": table}})
        assert len(mapped.read(tmp_path, described)[0]["patients"]) == 1


def test_a_file_that_is_absent_is_told_by_name(supplement):
    with pytest.raises(InputError, match=r"S2\.xlsx: there is no such file"):
        supplement(patients(COLUMNS), file="S2.xlsx")


def test_a_sheet_that_is_absent_is_told_by_name(supplement):
    with pytest.raises(InputError, match="no sheet Patient; did you mean Patients"):
        supplement(patients(COLUMNS, sheet="Patient"))


@pytest.mark.parametrize(
    ("value", "ours", "expected"),
    [(True, "mrd_below", True), (0.5, "mrd_percent", 0.5), (3, "wbc", 3.0), ("B", "lineage", "B")],
)
def test_a_constant_stands_in_every_row(value, ours, expected, supplement):
    found, _, _ = supplement(patients({"patient": "Patient ID", ours: {"value": value}}))
    assert found["patients"][ours].tolist() == [expected] * 2


def test_a_word_for_a_gap_may_be_named_and_blank_stays_blank(supplement):
    rows = [["id", "Sex"], ["P1", "NA"], ["P2", None], ["P3", "?"]]
    entry = {"column": "Sex", "values": {"NA": "female", "?": ""}}
    found, _, _ = supplement({"patients": {"patient": "id", "sex": entry}}, S=rows)
    assert found["patients"]["sex"].tolist() == ["female", None, None]


@given(row=st.integers(0, 3), column=st.integers(0, 6), text=st.text(max_size=8))
def test_whatever_stands_in_a_cell_only_an_input_error_comes_out(
    tmp_path_factory, row, column, text
):
    folder = tmp_path_factory.getbasetemp() / "hypothesis"
    folder.mkdir(exist_ok=True)
    rows = [[str(cell or "") for cell in line] + [""] * (7 - len(line)) for line in PATIENTS]
    rows[row][column] = text
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in rows]
    (folder / "S1.csv").write_bytes("\n".join(lines).encode())
    table = {"file": "S1.csv", "skip": 1, "columns": COLUMNS}
    described = cohort_file.CohortFile.model_validate({"tables": {"patients": table}})
    said = "S1.csv"
    try:
        mapped.read(folder, described)
    except InputError as error:
        said = str(error)
    assert "S1.csv" in said or "cohort.yaml" in said


@given(a=st.dates(), b=st.dates())
def test_days_between_dates_are_those_of_the_calendar(a, b):
    texts, faults = mapped._days("day", [a.isoformat()], [f"{b.isoformat()}T13:30:00"], "b")
    assert not faults
    assert datetime.timedelta(days=int(texts[0])) == a - b


def test_the_template_is_a_map_without_faults():
    described = cohort_file.CohortFile.model_validate(
        yamls.read(paths.DATA / "template_cohort.yaml")
    )
    assert list(described.tables) == ["patients", "samples", "mutations"]
    assert mapped._map_faults(described) == []


def test_the_template_reads_a_supplement_that_has_its_columns(tmp_path):
    """The words of the template are taken at their word: one row for each sheet."""
    content = yamls.read(paths.DATA / "template_cohort.yaml")
    described = cohort_file.CohortFile.model_validate(content)
    cells = {
        "PATIENT ID": "P1", "TIME TO RELAPSE IN MONTHS": 12, "IMMUNOPHENOTYPE": "B-ALL",
        "MOLECULAR SUBTYPE": "ETV6-RUNX1", "AGE AT DIAGNOSIS IN YEARS": 4.5, "SEX": "F",
        "WHITE BLOOD CELLS IN 10^9 PER LITRE": 20, "MRD AT THE END OF INDUCTION IN PERCENT": 0.1,
        "LAST SEEN IN DAYS": 800, "VITAL STATUS": "alive", "SAMPLE ID": "S1", "SAMPLE TYPE": "R1",
        "TUMOUR PURITY IN PERCENT": 90, "GENE": "NT5C2", "CHROMOSOME": 10,
        "POSITION": 104850000, "REFERENCE ALLELE": "C", "MUTANT ALLELE": "T",
        "AMINO ACID CHANGE": "p.R367Q", "CLASS": "Missense_Mutation",
        "READS WITH THE MUTATION": 12, "ALL READS": 40,
    }  # fmt: skip
    book = openpyxl.Workbook()
    for entry in described.tables.values():
        sheet = book.create_sheet(entry.sheet)
        names = list(
            dict.fromkeys(name for c in entry.columns.values() for name in mapped._theirs(c))
        )
        for row in (["Title"], names, [cells[name] for name in names]):
            sheet.append(row)
    book.save(tmp_path / "SUPPLEMENT.xlsx")
    found, _, notes = mapped.read(tmp_path, described)
    assert found["patients"]["relapse_day"].tolist() == [365.25]
    assert found["samples"][["stage", "purity"]].to_numpy().tolist() == [["relapse", 0.9]]
    assert found["mutations"]["Start_Position"].tolist() == [104850000]
    assert notes == []


def test_a_map_reads_compressed_text_as_well(tmp_path):
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"id\tsex\nP1\tmale\n"))
    table = {"file": "a.tsv.gz", "columns": {"patient": "id", "sex": "sex"}}
    described = cohort_file.CohortFile.model_validate({"tables": {"patients": table}})
    assert mapped.read(tmp_path, described)[0]["patients"]["sex"].tolist() == ["male"]
    assert files.read(tmp_path / "a.tsv.gz").header == ["id", "sex"]
