"""A cohort is taken in once; what changes makes it, and what reads it, run again."""

import json
import shutil

import pytest
import toy
import yaml

from allrelapse import cli, cohorts, receipt, run, simulate, study
from allrelapse.data import cohort as data
from allrelapse.errors import DataNotAtHandError, InputError

PATIENTS = "patient,relapse_day\nP1,240\nP2,700\n"
SAMPLES = "sample,patient,stage\nP1-R,P1,relapse\n"
MUTATIONS = "sample,Chromosome,Start_Position\nP1-R,1,5\n"
SMALL = {"patients": 5, "serial_patients": 1, "serial_samples": 4, "doses": 4, "plates": 1}
COHORT_PARAMETER = 'cohort: str = "simulated"  # which cohort'


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A study with an analysis of patients and one of mutations, and a library of its own."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "m.py").write_text("x = 1\n")
    (tmp_path / "requirements.lock").write_text("numpy\n")
    monkeypatch.setattr(receipt, "LIB", tmp_path / "lib")
    monkeypatch.setattr(receipt, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALLRELAPSE_COHORT", raising=False)
    write(tmp_path)
    return tmp_path


def write(root, seed=1):
    """Write the study file."""
    file = toy.write_study(
        root,
        toy.analysis("a", cohort={"required": ["patients"], "optional": ["samples"]}),
        toy.analysis("b", cohort={"required": ["mutations"]}),
        toy.analysis("c"),
    )
    entries = yaml.safe_load(file.read_text()) | {"seed": seed, "cohort": "simulated"}
    file.write_text(yaml.safe_dump(entries))


@pytest.fixture
def made(monkeypatch):
    """The seeds of the simulated cohorts that were made, small ones."""
    seeds = []

    def small(seed):
        seeds.append(seed)
        return simulate.cohort(seed, **SMALL)

    monkeypatch.setattr(cohorts, "_simulated", small)
    return seeds


@pytest.fixture
def kernel(monkeypatch):
    """A fake in the place of the kernel, that notes the parameters and folders it was given."""
    calls = []

    def execute(notebook, parameters, *, root, output, cohort, scratch):
        calls.append((dict(parameters), cohort))
        (output / "notebook.ipynb").write_text("{}")
        return ""

    monkeypatch.setattr("allrelapse.execute.execute", execute)
    return calls


def prepare(root, cohort="simulated"):
    """The cohort, and what was told."""
    told = []
    return cohorts.prepare(study.load(root / "study.yaml"), str(cohort), say=told.append), told


def put(folder, **changed):
    """A folder of our tables, some as `name=text`, None for absent."""
    tables = {"patients": PATIENTS, "samples": SAMPLES, "mutations": None} | changed
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text)
    return folder


def state(root, name, cohort="mine"):
    return run.state(study.load(root / "study.yaml"), name, cohort=cohort, at_hand={}.get)


def go(root, name, cohort="mine", **options):
    options = {"cohort": cohort, "at_hand": {}.get, "say": list} | options
    return run.run(study.load(root / "study.yaml"), name, **options)


# The simulated cohort.


def test_the_simulated_cohort_is_made_once_by_the_seed_of_the_study(root, made):
    write(root, seed=4)
    first, told = prepare(root)
    assert (first.name, first.folder) == ("simulated", root / "results/simulated/cohort")
    assert told == ["cohort simulated: taken in"]
    before = toy.files(first.folder)
    assert prepare(root) == (first, [])
    assert made == [4]
    assert toy.files(first.folder) == before


def test_it_comes_back_as_it_was_made(root, made):
    found = cohorts.read(prepare(root)[0].folder)
    whole = simulate.cohort(1, **SMALL)
    assert (found.name, found.form, found.build) == ("simulated", "simulated, seed 1", "GRCh37")
    assert found.patients.equals(whole.patients)
    assert found.mutations.equals(whole.mutations)
    assert set(found.truth) == set(whole.truth)


def test_another_seed_makes_another_one(root, made):
    before = cohorts.table_digests(prepare(root)[0].folder)
    write(root, seed=2)
    after = cohorts.table_digests(prepare(root)[0].folder)
    assert made == [1, 2]
    assert before["patients"] != after["patients"]


@pytest.mark.parametrize("part", ["data", "simulate"])
def test_other_code_makes_it_anew(part, root, made, monkeypatch):
    prepare(root)
    known = receipt.lib_sha256
    monkeypatch.setattr(
        receipt, "lib_sha256", lambda path: "new" if path.name == part else known(path)
    )
    prepare(root)
    assert made == [1, 1]


def test_other_versions_make_it_anew(root, made):
    prepare(root)
    (root / "requirements.lock").write_text("scipy\n")
    prepare(root)
    assert made == [1, 1]


@pytest.mark.parametrize("table", ["patients", "truth/patients"])
@pytest.mark.parametrize("how", ["edited", "gone"])
def test_a_table_that_was_touched_is_made_anew(table, how, root, made):
    place = prepare(root)[0].folder
    before = toy.files(place)
    path = place / f"{table}.parquet"
    path.unlink() if how == "gone" else path.write_bytes(path.read_bytes() + b"x")
    prepare(root)
    assert made == [1, 1]
    assert toy.files(place) == before


@pytest.mark.parametrize("text", ["", "[]", "null", '{"name": 1}', "[" * 5000])
def test_a_damaged_record_makes_it_anew(text, root, made):
    place = prepare(root)[0].folder
    before = toy.files(place)
    (place / "cohort.json").write_text(text)
    prepare(root)
    assert toy.files(place) == before


# Folders.


def test_a_folder_is_taken_in_once_and_read_from_its_copy(root):
    folder = put(root / "data" / "mine")
    prepared, told = prepare(root, folder)
    assert prepared == cohorts.Prepared("mine", root / "results/mine/cohort")
    assert told == [f"cohort mine: taken in from {folder}"]
    assert prepare(root, folder)[1] == []
    shutil.rmtree(folder)
    assert cohorts.read(prepared.folder).patients["patient"].tolist() == ["P1", "P2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "patients.csv").write_text(PATIENTS.replace("240", "250")),
        lambda folder: (folder / "mutations.csv").write_text(MUTATIONS),
        lambda folder: (folder / "samples.csv").unlink(),
        lambda folder: (folder / "cohort.yaml").write_text("build: hg38\n"),
    ],
)
def test_a_change_in_the_folder_is_noticed(change, root):
    folder = put(root / "mine")
    prepare(root, folder)
    change(folder)
    place, told = prepare(root, folder)
    assert told == [f"cohort mine: taken in from {folder}"]
    found, wanted = cohorts.read(place.folder), data.load(folder)
    assert found.build == wanted.build
    assert found.tables.keys() == wanted.tables.keys()
    assert all(found.tables[name].equals(table) for name, table in wanted.tables.items())


def test_other_code_takes_a_folder_in_anew(root, monkeypatch):
    folder = put(root / "mine")
    prepare(root, folder)
    known = receipt.lib_sha256
    monkeypatch.setattr(
        receipt, "lib_sha256", lambda path: "new" if path.name == "data" else known(path)
    )
    assert prepare(root, folder)[1] == [f"cohort mine: taken in from {folder}"]


def test_touching_files_or_leaving_hidden_ones_changes_nothing(root):
    folder = put(root / "mine")
    prepare(root, folder)
    (folder / "patients.csv").touch()
    (folder / ".DS_Store").write_text("x")
    assert prepare(root, folder)[1] == []


def test_a_changed_genome_elsewhere_is_noticed(root):
    text = "sample,Chromosome,Start_Position,Reference_Allele,Tumor_Seq_Allele2\nP1-R,1,3,G,A\n"
    folder = put(root / "mine", mutations=text)
    (root / "genome.fa").write_text(">1\nACGTT\n")
    (folder / "cohort.yaml").write_text("fasta: ../genome.fa\n")
    first = cohorts.read(prepare(root, folder)[0].folder)
    (root / "genome.fa").write_text(">1\nATGTTT\n")
    second = cohorts.read(prepare(root, folder)[0].folder)
    assert [first.mutations["context"][0], second.mutations["context"][0]] == ["CGT", "TGT"]


def test_the_results_of_one_folder_are_not_replaced_by_those_of_another_of_its_name(root):
    one = put(root / "one" / "mine")
    two = put(root / "two" / "mine", patients="patient\nP1\nP9\n")
    place, _ = prepare(root, one)
    with pytest.raises(
        InputError, match=r"results .* are of .*one/mine; give one of the two a name"
    ):
        prepare(root, two)
    assert cohorts.read(place.folder).patients.equals(data.load(one).patients)
    shutil.rmtree(one)  # a folder that was moved is no other one
    place, told = prepare(root, two)
    assert told == [f"cohort mine: taken in from {two}"]
    assert cohorts.read(place.folder).patients.equals(data.load(two).patients)


def test_a_name_in_cohort_yaml_keeps_two_folders_apart(root):
    one, two = put(root / "one" / "mine"), put(root / "two" / "mine")
    (two / "cohort.yaml").write_text("name: other\n")
    assert [prepare(root, folder)[0].name for folder in (one, two, one)] == [
        "mine",
        "other",
        "mine",
    ]
    assert prepare(root, one)[1] == []


@pytest.mark.parametrize("named", [True, False])
def test_no_folder_may_pass_for_the_simulated_cohort(named, root, made):
    folder = put(root / "data" / ("mine" if named else "simulated"))
    if named:
        (folder / "cohort.yaml").write_text("name: simulated\n")
    with pytest.raises(InputError, match=r"'simulated' is the study's own"):
        prepare(root, folder)
    assert not (root / "results").exists()


@pytest.mark.parametrize("name", ["cohorts", "by_hand", "site"])
def test_no_cohort_may_have_the_name_of_another_folder_of_results(name, root, made):
    with pytest.raises(InputError, match=f"'{name}' is the study's own"):
        prepare(root, put(root / "data" / name))


def test_a_cohort_that_was_taken_in_is_known_by_its_name_and_by_its_copy(root):
    folder = put(root / "data" / "mine")
    first, _ = prepare(root, folder)
    shutil.rmtree(folder)
    assert prepare(root, "mine") == (first, [])
    assert prepare(root, first.folder) == (first, [])


def test_a_copy_that_was_touched_is_not_used_by_its_name(root):
    """It cannot be made anew, and its record would tell receipts that nothing has changed."""
    folder = put(root / "data" / "mine")
    place = prepare(root, folder)[0].folder
    (place / "patients.parquet").write_bytes((place / "samples.parquet").read_bytes())
    with pytest.raises(InputError, match="not as they were taken in; give the folder"):
        prepare(root, "mine")
    prepare(root, folder)
    assert prepare(root, "mine")[1] == []


@pytest.mark.parametrize("cohort", ["nobody", "no/such/folder", "results", "."])
def test_what_is_no_cohort_is_refused_with_the_mend(cohort, root, monkeypatch):
    monkeypatch.chdir(root)
    (root / "results").mkdir()
    with pytest.raises(InputError) as caught:
        prepare(root, cohort)
    assert "give a folder with its tables" in str(caught.value) or "holds no cohort" in str(
        caught.value
    )
    assert not list((root / "results").rglob("*.parquet"))


def test_a_folder_with_a_fault_leaves_the_earlier_cohort(root):
    folder = put(root / "mine")
    place = prepare(root, folder)[0].folder
    before = toy.files(place)
    (folder / "samples.csv").write_text(SAMPLES.replace("relapse", "Rel"))
    with pytest.raises(InputError, match=r"samples\.csv has 1 fault"):
        prepare(root, folder)
    assert toy.files(place) == before
    assert sorted(p.name for p in place.parent.iterdir()) == [".cohort.lock", "cohort"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_taking_in_leaves_the_earlier_cohort(error, root, monkeypatch):
    folder = put(root / "mine")
    place = prepare(root, folder)[0].folder
    before = toy.files(place)
    (folder / "patients.csv").write_text(PATIENTS.replace("240", "250"))

    def stopped(cohort, staging):
        staging.mkdir()
        (staging / "patients.parquet").write_text("half")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(data, "write", stopped)
        with pytest.raises(error):
            prepare(root, folder)
    assert toy.files(place) == before
    assert sorted(p.name for p in place.parent.iterdir()) == [".cohort.lock", "cohort"]
    prepare(root, folder)
    assert toy.files(place) != before


def test_what_a_killed_taking_in_left_is_mended(root):
    folder = put(root / "mine")
    place = prepare(root, folder)[0].folder
    before = toy.files(place)
    place.rename(place.with_name(".cohort.old"))
    place.with_name(".cohort.0123abcd").mkdir()
    assert prepare(root, folder)[1] == []
    assert toy.files(place) == before
    assert sorted(p.name for p in place.parent.iterdir()) == [".cohort.lock", "cohort"]


def test_notes_form_and_genome_of_a_cohort_survive(root):
    folder = root / "sheet"
    folder.mkdir()
    (folder / "s1.csv").write_text("Id,Other\nP1,x\n")
    (folder / "cohort.yaml").write_text(
        "build: hg38\ntables: {patients: {file: s1.csv, columns: {patient: Id}}}\n"
    )
    found = cohorts.read(prepare(root, folder)[0].folder)
    assert (found.form, found.build, found.truth) == ("column map", "GRCh38", None)
    assert found.notes == data.load(folder).notes == ("1 column of s1.csv not used: Other",)


def test_a_simulated_folder_keeps_its_truth(root):
    made_ = simulate.cohort(3, **SMALL)
    data.write(made_, root / "sim")
    (root / "sim" / "cohort.yaml").write_text("name: sim-3\nbuild: GRCh37\n")
    found = cohorts.read(prepare(root, root / "sim")[0].folder)
    assert (found.name, found.form) == ("sim-3", "simulated")
    assert set(found.truth) == set(made_.truth)


def test_what_a_simulated_cohort_was_made_from_and_changed_is_named(root, made, monkeypatch):
    folder = prepare(root)[0].folder
    assert cohorts.changes(study.load(root / "study.yaml"), folder) == cohorts.Changes()
    write(root, seed=4)
    (root / "another.lock").write_text("")
    monkeypatch.setattr(receipt, "LOCK", root / "another.lock")
    found = cohorts.changes(study.load(root / "study.yaml"), folder)
    assert found.source == ("seed changed", "requirements.lock changed")


def test_where_nothing_was_taken_in_nothing_is_read(root):
    put(root / "mine")
    with pytest.raises(InputError, match="no cohort was taken in here"):
        cohorts.read(root / "mine")
    assert cohorts.table_digests(root / "mine") == {}


def test_files_that_are_no_tables_are_named(root):
    folder = put(root / "mine")
    (folder / "cohort.yaml").write_text("fasta: hg19.fa\n")
    for name in ("hg19.fa", "hg19.fa.fai", ".DS_Store", "Mutations.csv", "patients.xls"):
        (folder / name).touch()
    assert cohorts.unread(folder) == ["Mutations.csv", "patients.xls"]


# Analyses.


def test_an_analysis_whose_table_is_lacking_is_told_and_not_run(root, kernel):
    prepare(root, put(root / "mine"))
    plan = study.load(root / "study.yaml")
    lacking = {a.id: run.missing(plan, a, "mine", {}.get) for a in plan.analyses}
    assert lacking == {"a": [], "b": ["table mutations of the cohort"], "c": []}
    with pytest.raises(DataNotAtHandError, match="b needs table mutations of the cohort"):
        go(root, "b")
    assert not kernel
    assert not (root / "results/mine/b").exists()


def test_a_parameter_that_names_nobody_of_the_cohort_is_refused(root, kernel):
    cell = 'patient: str = ""\n# limits: patient in {}.patient'
    toy.notebook(root / "notebooks" / "a.ipynb", toy.WRITE, parameters=cell.format("patients"))
    prepare(root, put(root / "mine"))
    told = r"'NOPE' is not in column patient of patients; cohort mine has \['P1'"
    with pytest.raises(InputError, match=told):
        go(root, "a", parameters={"patient": "NOPE"})
    cell = cell.format("serial_samples")
    toy.notebook(root / "notebooks" / "c.ipynb", toy.WRITE, parameters=cell)
    with pytest.raises(InputError, match="cohort mine has no table serial_samples"):
        go(root, "c", parameters={"patient": "P1"})
    assert not kernel
    go(root, "a", parameters={"patient": "P1"})
    go(root, "c")
    assert len(kernel) == 2


def test_reproduce_tells_what_it_cannot_run_and_exits_with_0(root, kernel, capsys):
    folder = put(root / "mine")
    for name in ("a", "c"):
        prepare(root, folder)
        go(root, name)
    with pytest.raises(SystemExit) as end:
        cli.main(["reproduce", "--cohort", str(folder), "--study", str(root / "study.yaml")])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert "b: not run (no results yet), as it needs table mutations of the cohort" in out
    assert "Nothing to run." in out


def test_the_receipt_has_the_tables_that_the_analysis_reads(root, kernel):
    place = prepare(root, put(root / "mine", mutations=MUTATIONS))[0].folder
    digests = cohorts.table_digests(place)
    assert set(digests) == {"patients", "samples", "mutations"}
    found = {
        name: json.loads((go(root, name) / "receipt.json").read_text())["cohort"] for name in "abc"
    }
    assert found == {
        "a": {name: digests[name] for name in ("patients", "samples")},
        "b": {"mutations": digests["mutations"]},
        "c": {},
    }
    assert digests["patients"] == receipt.sha256(place / "patients.parquet")


def test_the_receipt_has_the_truth_where_tables_of_a_simulated_cohort_are_read(root, made, kernel):
    prepare(root)
    read = {
        name: json.loads((go(root, name, "simulated") / "receipt.json").read_text())["cohort"]
        for name in "bc"
    }
    assert {"mutations", "truth/clones"} <= set(read["b"])
    assert "patients" not in read["b"]
    assert read["c"] == {}


def test_only_analyses_whose_tables_changed_are_to_run(root, kernel):
    folder = put(root / "mine", mutations=MUTATIONS)
    prepare(root, folder)
    for name in "abc":
        go(root, name)
    (folder / "mutations.csv").write_text(MUTATIONS.replace(",5", ",6"))
    prepare(root, folder)
    assert [state(root, name) for name in "abc"] == [
        "current",
        "table mutations changed",
        "current",
    ]
    (folder / "mutations.csv").write_text(MUTATIONS)
    (folder / "samples.csv").unlink()
    (folder / "mutations.csv").unlink()
    prepare(root, folder)
    assert [state(root, name) for name in "abc"] == [
        "table samples changed",
        "table mutations changed",
        "current",
    ]


def test_the_cohort_is_no_parameter_to_set(root, kernel):
    prepare(root, put(root / "mine"))
    with pytest.raises(InputError, match="name the cohort with --cohort instead"):
        go(root, "a", parameters={"cohort": "x"})
    assert not kernel


def test_only_a_notebook_that_declares_the_cohort_is_told_its_name(root, kernel):
    toy.notebook(root / "notebooks" / "a.ipynb", parameters=COHORT_PARAMETER)
    place = prepare(root, put(root / "mine"))[0].folder
    made_from = json.loads((go(root, "a") / "receipt.json").read_text())
    assert made_from["parameters"]["values"] == {"cohort": "mine"}
    go(root, "c")
    assert kernel == [({"cohort": "mine"}, place), ({}, place)]


def test_by_hand_the_cohort_is_taken_in_from_its_folder(root, monkeypatch):
    folder = put(root / "mine")
    plan = study.load(root / "study.yaml")
    monkeypatch.setattr(study, "load", lambda: plan)
    assert cohorts.load(str(folder)).patients["patient"].tolist() == ["P1", "P2"]


def test_a_running_notebook_reads_the_cohort_of_the_run(root):
    """With a real kernel, whatever its own default says."""
    cell = """
    import os
    from pathlib import Path
    from allrelapse import cohorts
    found = cohorts.load(cohort)
    text = f"{cohort} {found.name} {len(found.patients)}"
    (Path(os.environ["ALLRELAPSE_OUTPUT"]) / "told.txt").write_text(text)
    """
    code = "\n".join(line.removeprefix("    ") for line in cell.splitlines())
    toy.notebook(root / "notebooks" / "a.ipynb", code, parameters=COHORT_PARAMETER)
    prepare(root, put(root / "mine"))
    assert (go(root, "a") / "told.txt").read_text() == "mine mine 2"
