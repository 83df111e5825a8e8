"""Submissions that are broken, endless, greedy or tampered with cost their own points only."""

import csv
import json
import os
import shutil
import socket
from pathlib import Path

import nbformat
import pytest
from hostile import answered, made

from allrelapse.classroom import editions, fence, grade_class, gradebook, jobs, rehearsal
from allrelapse.errors import InputError

fenced_only = pytest.mark.skipif(not fence.version(), reason="needs Landlock (Linux from 5.13)")
LIMITS = fence.Limits(seconds=20, megabytes=800)
ENDLESS = "while True:\n    pass"
FORGERY = """
import json, os
line = json.dumps({"question": "q1", "answers": [1], "errors": 7}).encode()
for handle in range(3, 50):
    try:
        os.write(handle, line + b"\\n[[[\\n{}\\n" + b"9" * 6000 + b"\\n")
    except OSError:
        pass
number = len(patients)
"""
# each: what the first answer cell does, points of the two questions, words of the feedback or note
CASES = {
    "honest": ("number = len(patients)", (2, 2), "Right."),
    "slips": ("number = len(patients) - 1", (0, 2), "One too few."),
    "wrong": ("number = 10**6", (0, 2), "not what the reference solution gives"),
    "negative": ("number = -5", (0, 2), "`number` is -5; it can only be 1 or more."),
    "worded": ("number = 'forty'", (0, 2), "`number` must be one number, is a text."),
    "raises": ("1 / 0", (0, 2), "ZeroDivisionError"),
    "syntax": ("number = = 1", (0, 2), "SyntaxError"),
    "greedy": ("number = bytearray(10**12)", (0, 2), "MemoryError"),
    "exits": ("import os\nos._exit(0)", (0, 0), "No answer was reached: it broke off"),
    "leaves": ("raise SystemExit", (0, 2), "no answer"),
    "kills": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", (0, 0), "SIGKILL"),
    "asks": ("number = input()", (0, 2), "no answer"),
    "shouts": ("print('x' * 10**8)\nnumber = len(patients)", (2, 2), "Right."),
    "table": ("number = patients", (0, 2), "is a DataFrame; an answer is"),
    "large": ("number = list(range(10**6))", (0, 2), "holds more than 10,000 values"),
    "digits": ("number = 10**5000", (0, 2), "more digits than"),
    "not_a_number": ("number = float('nan')", (0, 2), "`number` is not a number (NaN)"),
    "always": (
        "class Yes(float):\n    __eq__ = lambda *_: True\nnumber = Yes(1)",
        (0, 2),
        "not what the reference",
    ),
    "forges": (FORGERY, (2, 2), "Right."),
    "forks": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n    os._exit(0)\nnumber = len(patients)",
        (2, 2),
        "Right.",
    ),
    "fills": ("open('big', 'wb').write(bytes(10**8))", (0, 2), "OSError"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return made(tmp_path_factory.mktemp("tiny"), [*CASES, "spare"])


def given(place, exercise="tiny"):
    return nbformat.read(place / "students" / "spare" / f"{exercise}.ipynb", as_version=4)


def hand_in(root, who, notebook, exercise="tiny"):
    (root / who).mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, root / who / f"{exercise}.ipynb")


def graded(place, submissions, limits=LIMITS):
    """Rows by student and question, and the notes by student."""
    found = grade_class.grade(submissions, place, limits=limits, cores=2, force=True)
    return {(row["student"], row["question"]): row for row in found.rows}, found.notes


@pytest.fixture(scope="module")
def results(place, tmp_path_factory):
    """All cases graded together: each must not harm the others."""
    submissions = tmp_path_factory.mktemp("submissions")
    for who, (source, _, _) in CASES.items():
        hand_in(submissions, who, answered(given(place), q1_answer=source))
    return graded(place, submissions)


@pytest.mark.parametrize("who", CASES)
def test_a_submission_costs_its_own_points_only(results, who):
    rows, notes = results
    _, points, words = CASES[who]
    found = tuple(rows[who, question]["points"] for question in ("q1", "q2"))
    told = rows[who, "q1"]["feedback"] + " ".join(notes.get(who, ()))
    assert found == points, told
    assert words in told


def test_an_endless_cell_costs_its_question(place, tmp_path, monkeypatch):
    monkeypatch.setattr(grade_class, "OF_A_CELL", 0.05)
    hand_in(tmp_path, "honest", answered(given(place), q1_answer=ENDLESS))
    rows, _ = graded(place, tmp_path, fence.Limits(seconds=60))
    assert [rows["honest", q]["points"] for q in ("q1", "q2")] == [0, 2]
    assert "the cell ran too long and was stopped" in rows["honest", "q1"]["feedback"]


def test_an_endless_cell_that_cannot_be_stopped_costs_what_comes_after_it(place, tmp_path):
    hand_in(tmp_path, "slips", answered(given(place), q2_answer=rehearsal.STUBBORN))
    rows, notes = graded(place, tmp_path, fence.Limits(seconds=15))
    assert [rows["slips", q]["points"] for q in ("q1", "q2")] == [2, 0]
    assert notes["slips"] == ["tiny: it ran longer than 15 s and was ended"]


def test_who_handed_nothing_in_gets_nothing(results):
    rows, notes = results
    assert rows["spare", "q1"]["points"] == 0
    assert notes["spare"] == ["nothing was handed in"]


def test_nothing_that_a_submission_started_is_left(results):
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    parents = {text.rpartition(")")[2].split()[1] for text in stats}
    assert str(os.getpid()) not in parents


SPY = """
def tried(work):
    try:
        return repr(work())[:200]
    except Exception as error:
        return type(error).__name__

import os, socket, gc
number = {
    name: tried(work)
    for name, work in {
        "master": lambda: open(MASTER).read(),
        "other": lambda: os.listdir(STUDENTS),
        "class": lambda: open(RECORD).read(),
        "gradebook": lambda: open(GRADES, "w"),
        "library": lambda: open(LIBRARY, "a"),
        "memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
        "signal": lambda: os.kill(os.getppid(), 0),
        "network": lambda: socket.create_connection(("127.0.0.1", PORT), timeout=5),
        "shell": lambda: os.system(f"cat {RECORD} > /dev/null"),
        "own": lambda: open("own", "w").write("x"),
        "facts": lambda: len(__import__("allrelapse").claims.ledger()) > 0,
    }.items()
}
"""


@fenced_only
def test_a_submission_reaches_nothing_but_what_it_needs(place, tmp_path, monkeypatch):
    seen = {}
    real = grade_class.gradebook.judged

    def look(expected, answers, errors, points):
        seen.update(answers)
        return real(expected, answers, errors, points)

    monkeypatch.setattr(grade_class.gradebook, "judged", look)
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)  # as `python -m allrelapse` does
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = {
            "MASTER": str(editions.MASTERS / "01_relapse_timing.ipynb"),
            "STUDENTS": str(place / "students"),
            "RECORD": str(place / "lecturer" / "class.json"),
            "GRADES": str(place / "gradebook.csv"),
            "LIBRARY": editions.__file__,
            "PORT": server.getsockname()[1],
        }
        source = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        source += "import allrelapse.claims\n" + SPY
        hand_in(tmp_path, "spare", answered(given(place), q1_answer=source))
        graded(place, tmp_path)
    tried = seen["number"]["value"]
    refused = ["master", "other", "class", "gradebook", "library", "memory", "signal", "network"]
    expected = dict.fromkeys(refused, "PermissionError") | {"own": "1", "facts": "True"}
    assert {name: tried[name] for name in expected} == expected
    assert tried["shell"] != "0"


SEARCH = """
import gc
wanted = {backwards!r}[::-1]
texts = (x for one in gc.get_objects() for x in gc.get_referents(one) if isinstance(x, str))
number = any(wanted in text for text in texts if text != wanted)
"""
ELSEWHERE = ["a text that the grader has in memory"]


@pytest.mark.parametrize(
    ("wanted", "there"), [(ELSEWHERE[0], True), ("number = len(patients)\n### END", False)]
)
def test_no_solution_is_in_memory_while_submissions_run(place, tmp_path, wanted, there):
    seen = []
    source = SEARCH.format(backwards=wanted[::-1])
    hand_in(tmp_path, "spare", answered(given(place), q1_answer=source))
    with pytest.MonkeyPatch.context() as patch:
        real = grade_class.gradebook.judged
        patch.setattr(
            grade_class.gradebook,
            "judged",
            lambda expected, answers, *rest: seen.append(answers) or real(expected, answers, *rest),
        )
        patch.setattr(grade_class, "OF_A_CELL", 1.0)
        graded(place, tmp_path, fence.Limits(seconds=120))
    assert seen[0] == {"number": {"value": there}}


def test_no_key_is_made_before_all_submissions_have_ended(place, tmp_path, monkeypatch):
    order = []
    real = jobs.run

    def watched(work, limits, *, cores):
        for end in real(work, limits, cores=cores):
            order.append("key" if b"expected" in end.output and b"value" in end.output else "other")
            yield end

    monkeypatch.setattr(jobs, "run", watched)
    for who in ("honest", "slips", "wrong"):
        hand_in(tmp_path, who, answered(given(place)))
    graded(place, tmp_path)
    assert order == ["other"] * 4 + ["key"] * 3


def test_edited_checks_and_missing_cells_are_put_back(place, tmp_path):
    notebook = answered(given(place), q1_answer="number = 3", q1="pass", setup="cohort = None")
    notebook.cells = [c for c in notebook.cells if c.metadata.nbgrader.grade_id != "q2"]
    hand_in(tmp_path, "honest", notebook)
    rows, notes = graded(place, tmp_path)
    assert [rows["honest", q]["points"] for q in ("q1", "q2")] == [0, 2]
    assert notes["honest"] == [
        "tiny: given cells were changed or missing; they were put back, which costs no points: "
        "setup, q1, q2"
    ]


def test_cells_of_a_students_own_run_where_they_stand(place, tmp_path):
    notebook = answered(given(place), q1_answer="number = count(patients)")
    own = nbformat.v4.new_code_cell("def count(table):\n    return table.shape[0]")
    notebook.cells.insert(1, own)
    copy = nbformat.from_dict(notebook.cells[2])
    copy.source = "number = number + 0"  # a second copy of an answer cell is an own cell
    notebook.cells.insert(3, copy)
    hand_in(tmp_path, "honest", notebook)
    rows, notes = graded(place, tmp_path)
    assert [rows["honest", q]["points"] for q in ("q1", "q2")] == [2, 2]
    assert "honest" not in notes


def test_a_missing_answer_cell_costs_its_question(place, tmp_path):
    notebook = answered(given(place))
    notebook.cells = [c for c in notebook.cells if c.metadata.nbgrader.grade_id != "q1-answer"]
    hand_in(tmp_path, "honest", notebook)
    rows, _ = graded(place, tmp_path)
    assert [rows["honest", q]["points"] for q in ("q1", "q2")] == [0, 2]


def test_another_cohort_is_not_used_and_told(place, tmp_path):
    shutil.copytree(place / "students" / "slips" / "cohort", tmp_path / "honest" / "cohort")
    hand_in(tmp_path, "honest", answered(given(place)))
    rows, notes = graded(place, tmp_path)
    assert rows["honest", "q2"]["feedback"] == "Right."  # of the own cohort, whatever lies there
    assert notes["honest"] == [
        "the cohort that was handed in is not the one that was given; it was not used"
    ]


def link_to_the_master(path):
    path.symlink_to(editions.masters()[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("no notebook"), "cannot be read as a notebook"),
        (lambda path: path.write_text("[" * 10**5), "cannot be read as a notebook"),
        (lambda path: path.write_text('{"nbformat": 4, "cells": 3}'), "cannot be read as"),
        (lambda path: path.write_bytes(b"\xff\xfe" * 10), "cannot be read as a notebook"),
        (lambda path: path.write_text(" " * 21_000_000), "21 MB are more than 20"),
        (lambda path: path.mkdir(), "it is no file"),
        (os.mkfifo, "it is no file"),
        (link_to_the_master, "it is a link"),
    ],
)
def test_what_is_no_notebook_gets_nothing(place, tmp_path, make, words):
    (tmp_path / "honest").mkdir()
    make(tmp_path / "honest" / "tiny.ipynb")
    rows, _ = graded(place, tmp_path)
    assert rows["honest", "q1"]["points"] == 0
    assert words in rows["honest", "q1"]["feedback"]


def test_an_exercise_that_is_handed_in_twice_is_not_guessed_at(place, tmp_path):
    hand_in(tmp_path, "honest", answered(given(place)))
    hand_in(tmp_path / "honest", "old", answered(given(place)))
    rows, _ = graded(place, tmp_path)
    assert "Handed in 2 times (old/tiny.ipynb, tiny.ipynb)" in rows["honest", "q1"]["feedback"]


def test_grades_are_the_same_again_and_not_overwritten_unasked(place, tmp_path):
    hand_in(tmp_path, "slips", answered(given(place)))
    files = ["gradebook.csv", "totals.csv", "feedback/slips.txt"]
    graded(place, tmp_path)
    first = [(place / "grades" / name).read_bytes() for name in files]
    with pytest.raises(InputError, match=r"--force .* puts new grades in its place"):
        grade_class.grade(tmp_path, place, limits=LIMITS)
    graded(place, tmp_path)
    assert [(place / "grades" / name).read_bytes() for name in files] == first
    with (place / "grades" / "totals.csv").open(newline="", encoding=gradebook.ENCODING) as file:
        totals = {row["student"]: row for row in csv.DictReader(file)}
    assert [totals["slips"][c] for c in ("tiny", "total", "of")] == ["4.0", "4.0", "4"]
    assert totals["honest"]["notes"] == "nothing was handed in"


def test_a_letter_says_once_what_holds_for_a_whole_exercise(place, tmp_path):
    hand_in(tmp_path, "slips", answered(given(place), q1_answer="number = 'x'", setup="pass"))
    hand_in(tmp_path, "exits", answered(given(place), q1_answer="import os\nos._exit(0)"))
    (tmp_path / "wrong").mkdir()
    hand_in(tmp_path, "raises", given(place))
    graded(place, tmp_path)
    letters = {path.stem: path.read_text() for path in (place / "grades" / "feedback").iterdir()}
    assert letters["slips"] == (
        "slips\n2 of 4 points\n\ntiny: 2 of 4\n"
        "  Given cells were changed or missing; they were put back, which costs no points: setup.\n"
        "  q1: 0 of 2. `number` must be one number, is a text.\n"
        "  q2: 2 of 2. Right.\n"
    )
    untouched = "It was handed in as it was given.\n  No answers."
    assert letters["raises"] == f"raises\n0 of 4 points\n\ntiny: 0 of 4\n  {untouched}\n"
    broke = "No answer was reached: it broke off."
    assert letters["exits"] == f"exits\n0 of 4 points\n\ntiny: 0 of 4\n  {broke}\n"
    missing = "The notebook tiny.ipynb was not handed in."
    assert letters["wrong"] == f"wrong\n0 of 4 points\n\ntiny: 0 of 4\n  {missing}\n"
    assert letters["honest"] == "honest\n0 of 4 points\nNothing was handed in.\n\ntiny: 0 of 4\n"


def test_only_the_exercises_that_are_asked_for_are_graded(tmp_path):
    place = made(tmp_path, ["honest", "spare"], exercises=("01_tiny", "02_tiny"))
    submissions = tmp_path / "submissions"
    hand_in(submissions, "honest", answered(given(place, "02_tiny")), "02_tiny")
    found = grade_class.grade(submissions, place, limits=LIMITS, only=["2"])
    assert [
        (row["exercise"], row["points"]) for row in found.rows if row["student"] == "honest"
    ] == [("02_tiny", 2), ("02_tiny", 2)]
    assert found.untouched == []
    found = grade_class.grade(submissions, place, limits=LIMITS, force=True)
    assert found.untouched == ["01_tiny"]
    assert len(found.rows) == 8
    with pytest.raises(InputError, match="no exercise is called '3'; there are 01_tiny, 02_tiny"):
        grade_class.grade(submissions, place, limits=LIMITS, only=["1", "3"], force=True)


def test_folders_of_nobody_are_told_and_not_graded(place, tmp_path):
    hand_in(tmp_path, "stranger", answered(given(place)))
    with pytest.raises(InputError, match="no folder is named as a student of the class"):
        grade_class.grade(tmp_path, place, limits=LIMITS, force=True)
    hand_in(tmp_path, "honest", answered(given(place)))
    found = grade_class.grade(tmp_path, place, limits=LIMITS, force=True)
    assert found.strangers == ["stranger"]
    assert {row["student"] for row in found.rows} == {*CASES, "spare"}


def test_a_cohort_of_the_class_that_was_changed_stops_grading(place, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    with (copy / "students" / "honest" / "cohort" / "patients.parquet").open("ab") as file:
        file.write(b"x")
    hand_in(tmp_path, "honest", answered(given(place)))
    with pytest.raises(InputError, match="honest/cohort is not as it was made"):
        grade_class.grade(tmp_path, copy, limits=LIMITS, force=True)


def test_a_master_that_fails_stops_grading_before_anything_is_written(place, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    broken = nbformat.read(copy / "lecturer" / "tiny.ipynb", as_version=4)
    broken.cells[1].source = broken.cells[1].source.replace("len(patients)", "1 / 0")
    nbformat.write(broken, copy / "lecturer" / "tiny.ipynb")
    shutil.rmtree(copy / "grades", ignore_errors=True)
    hand_in(tmp_path, "honest", answered(given(place)))
    with pytest.raises(InputError, match=r"the master tiny fails: .*ZeroDivisionError"):
        grade_class.grade(tmp_path, copy, limits=LIMITS)
    assert not (copy / "grades").exists()


def test_a_cohort_on_which_the_master_fails_counts_for_nothing_and_stops_nobody(place, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    fails = nbformat.read(copy / "lecturer" / "tiny.ipynb", as_version=4)
    seed = json.loads((copy / "students" / "honest" / "student.json").read_text())["seed"]
    fails.cells[2].source += f"\nassert student.seed() != {seed}"
    nbformat.write(fails, copy / "lecturer" / "tiny.ipynb")
    shutil.rmtree(copy / "grades", ignore_errors=True)
    for who in ("honest", "slips"):
        hand_in(tmp_path / "handed-in", who, answered(given(place)))
    found = grade_class.grade(tmp_path / "handed-in", copy, limits=LIMITS)
    assert list(found.ungraded) == [("honest", "tiny")]
    rows = {(row["student"], row["question"]): row for row in found.rows}
    assert [rows["slips", q]["points"] for q in ("q1", "q2")] == [2, 2]
    row = rows["honest", "all"]
    assert (row["points"], row["of"]) == (0, 0)
    letter = (copy / "grades" / "feedback" / "honest.txt").read_text()
    assert row["feedback"].startswith("Could not be graded on your cohort")
    assert letter == f"honest\n0 of 0 points\n\ntiny: 0 of 0\n  {row['feedback']}\n"
