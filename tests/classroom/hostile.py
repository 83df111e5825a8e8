"""A tiny exercise of two questions, and notebooks that mean it harm."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from allrelapse.classroom import make_class


def cell(source, grade_id, **about):
    known = {"grade": False, "solution": False, "locked": False, "task": False}
    marks = known | {"schema_version": 3, "grade_id": grade_id} | about
    return new_code_cell(source, metadata={"nbgrader": marks})


def master():
    """Two questions of 2 points each: the number of patients, and that of the dead."""
    return new_notebook(
        cells=[
            cell(
                "from allrelapse.classroom import check, student\n\n"
                "patients = student.cohort().patients",
                "setup",
                locked=True,
            ),
            cell(
                "number = ...\n### BEGIN SOLUTION\nnumber = len(patients)\n### END SOLUTION",
                "q1-answer",
                solution=True,
            ),
            cell(
                'check.number("number", number, low=1)\n### BEGIN HIDDEN TESTS\n'
                "from allrelapse.classroom import key\n\n"
                'key.expect("number", number, slip={"One too few.": number - 1})\n'
                "### END HIDDEN TESTS",
                "q1",
                grade=True,
                locked=True,
                points=2,
            ),
            cell(
                "dead = ...\n### BEGIN SOLUTION\n"
                'dead = int((patients["status"] == "dead").sum())\n### END SOLUTION',
                "q2-answer",
                solution=True,
            ),
            cell(
                'check.number("dead", dead, low=0)\n### BEGIN HIDDEN TESTS\n'
                'key.expect("dead", dead)\n### END HIDDEN TESTS',
                "q2",
                grade=True,
                locked=True,
                points=2,
            ),
        ]
    )


RIGHT = {
    "q1-answer": "number = len(patients)",
    "q2-answer": "dead = (patients.status=='dead').sum()",
}


def answered(given, **sources):
    """The student edition with sources of cells by id, `_` for `-`; right where none is given."""
    notebook = nbformat.from_dict(given)
    wanted = RIGHT | {name.replace("_", "-"): source for name, source in sources.items()}
    for one in notebook.cells:
        name = one.metadata.get("nbgrader", {}).get("grade_id")
        one.source = wanted.get(name, one.source)
    return notebook


PATIENTS = 12
"""Enough for a cohort, and quick to make and read."""


def made(root, students, exercises=("tiny",)):
    """A class of these students with the tiny exercise under these names, in `root/made`."""
    (root / "masters").mkdir()
    for name in exercises:
        nbformat.write(master(), root / "masters" / f"{name}.ipynb")
    rows = "".join(f"{who},{k}\n" for k, who in enumerate(students))
    (root / "roster.csv").write_text(f"student,seed\n{rows}")
    make_class.make(
        root / "roster.csv", root / "made", masters=root / "masters", patients=PATIENTS, cores=2
    )
    return root / "made"
