"""Rosters, folders of students, and what is refused."""

import json
import re

import nbformat
import pandas as pd
import pytest
from hostile import PATIENTS, made, master

from allrelapse import simulate
from allrelapse.classroom import editions, gradebook, make_class, roster, student
from allrelapse.data import cohort
from allrelapse.errors import InputError


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_roster_gives_each_student_the_same_seed_each_time(tmp_path):
    first = roster.read(write(tmp_path / "a.csv", "student,name\nmaya,Maya\nomar,\n"))
    other = roster.read(write(tmp_path / "b.csv", "Student;SEED\n omar ;\nnew;7\nmaya;\n"))
    seeds = first.set_index("student")["seed"]
    assert seeds["maya"] != seeds["omar"]
    again = other.set_index("student")["seed"]
    assert again["maya"] == seeds["maya"]
    assert again["omar"] == seeds["omar"]
    assert again["new"] == 7
    assert list(first["name"]) == ["Maya", ""]
    assert not set(first["number"]) & set(first["seed"])  # chance tells nothing of the cohort


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name\nMaya\n", "column student: the column is absent"),
        ("student\nmaya\nmaya\n", "line 3, column student: 'maya' is student 1 too"),
        ("student\nmaya\nMAYA\n", "line 3, column student: 'MAYA' is student 1 too"),
        ("student\n../maya\n", "line 2, column student: '../maya' must be 1 to 64 letters"),
        ("student\n.\n", "must be 1 to 64 letters"),
        ("student\nmaya.\n", "must be 1 to 64 letters"),
        ("student\nnul\n", "cannot name a folder on Windows"),
        ("student\n=1+1\n", "must be 1 to 64 letters"),
        ("student,seed\nmaya,-1\n", "column seed"),
        ("student,seed\nmaya,x\n", "column seed: 'x' must be a whole number"),
        ("student,name\n,Maya\n", "column student: '' must not be empty"),
        ("student,e-mail\nmaya,m@x\n", "e-mail"),
        ("student\n", "roster.csv"),
    ],
)
def test_a_roster_that_cannot_be_used_is_told_with_line_and_mend(tmp_path, text, words):
    with pytest.raises(InputError, match=re.escape(words)):
        roster.read(write(tmp_path / "roster.csv", text))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made(tmp_path_factory.mktemp("made"), ["a", "b"])


def test_a_students_cohort_is_that_of_the_seed_without_its_truth(place, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_STUDENT", str(place / "students" / "b"))
    own, planted = student.cohort(), simulate.cohort(1, patients=PATIENTS)
    assert own.truth is None
    assert set(own.tables) == set(planted.tables)
    for name, table in planted.tables.items():
        pd.testing.assert_frame_equal(own.tables[name], table)
    assert student.seed() == roster.read(place.parent / "roster.csv")["number"][1] != 1


def test_tables_as_written_are_as_loading_validates_them(tmp_path):
    planted = simulate.cohort(2, patients=PATIENTS)
    cohort.write(planted, tmp_path)
    loaded = cohort.load(tmp_path)
    for name, table in cohort.native.read_as_written(tmp_path).items():
        pd.testing.assert_frame_equal(table, loaded.tables[name])


def test_changed_tables_are_refused_on_the_students_machine(place, tmp_path, monkeypatch):
    for name in ("cohort", "student.json"):
        (tmp_path / name).symlink_to(place / "students" / "a" / name)
    monkeypatch.chdir(tmp_path)
    assert len(student.cohort().patients) == PATIENTS
    (tmp_path / "cohort").unlink()
    (tmp_path / "cohort").symlink_to(place / "students" / "b" / "cohort")
    with pytest.raises(InputError, match="not the tables that you were given"):
        student.cohort()


def test_without_a_folder_a_teacher_gets_a_cohort_without_truth(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(student, "PATIENTS", 10)
    assert student.cohort().truth is None
    assert student.seed() == 1


def test_a_class_is_not_overwritten_unasked_and_files_are_the_same_again(place):
    def files():
        found = [path for path in place.rglob("*") if path.is_file()]
        return {path.relative_to(place): path.read_bytes() for path in found}

    before = files()
    again = {"masters": place.parent / "masters", "patients": PATIENTS}
    with pytest.raises(InputError, match=r"is there already; --force .* puts the new class"):
        make_class.make(place.parent / "roster.csv", place, **again)
    make_class.make(place.parent / "roster.csv", place, force=True, **again)
    assert files() == before
    assert not list(place.parent.glob(".made.*[!k]"))


def test_a_folder_that_is_no_class_is_never_replaced(place, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="holds no class, so --force does not replace it"):
        make_class.make(place.parent / "roster.csv", tmp_path / "mine", force=True)


def test_a_class_that_fails_half_way_leaves_nothing(place, tmp_path, monkeypatch):
    calls = []

    def fails(done):
        calls.append(done)
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        make_class.make(
            place.parent / "roster.csv",
            tmp_path / "new",
            masters=place.parent / "masters",
            patients=PATIENTS,
            progress=fails,
        )
    assert calls
    assert [path.name for path in tmp_path.iterdir()] == [".new.lock"]


def test_a_student_edition_keeps_the_open_answer_and_the_visible_check(place):
    cells = {n: s for n, s in editions.code(nbformat.read(place / "students/a/tiny.ipynb", 4))}
    assert cells["q1-answer"] == "number = ...\n"
    assert cells["q1"] == 'check.number("number", number, low=1)'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda nb: nb.cells.pop(1), "each question needs one answer cell"),
        (lambda nb: nb.cells.append(nb.cells[1]), "Duplicate grade id: q1-answer"),
        (
            lambda nb: nb.cells[0].update(source="### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
            "Solution region detected in a non-solution cell",
        ),
        (
            lambda nb: nb.cells[1].update(source="### BEGIN SOLUTION\nx = 1"),
            "no end solution statement found",
        ),
    ],
)
def test_a_master_that_would_leak_or_cannot_be_graded_is_refused(tmp_path, change, words):
    notebook = master()
    change(notebook)
    nbformat.write(notebook, tmp_path / "tiny.ipynb")
    with pytest.raises(InputError, match=words):
        editions.exercise(tmp_path / "tiny.ipynb")


def test_no_cell_of_a_gradebook_is_a_formula(tmp_path):
    row = dict.fromkeys(gradebook.COLUMNS, "@SUM(1)") | {"points": 1.0, "of": 2, "name": "=1+1"}
    gradebook.write([row], {"@SUM(1)": ["-2"]}, tmp_path)
    for name in ("gradebook.csv", "totals.csv"):
        text = (tmp_path / name).read_text()
        assert not re.search(r'(^|[,"])[=+@-]', text, flags=re.MULTILINE), text
        assert "'=1+1" in text


def test_a_damaged_record_of_a_class_is_told(place, tmp_path):
    with pytest.raises(InputError, match="no class was made here"):
        make_class.read_record(tmp_path)
    (tmp_path / "lecturer").mkdir()
    for text in ("{", "[]", json.dumps({"students": [{"student": "a"}]}), '{"students": []}'):
        (tmp_path / "lecturer" / "class.json").write_text(text)
        with pytest.raises(InputError, match="is damaged"):
            make_class.read_record(tmp_path)
