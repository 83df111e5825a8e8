"""Submissions to rehearse grading with: right, untouched, or with the slips that masters name."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from allrelapse.classroom.editions import about

KEPT = "_kept = dict(globals())"
BACK = "globals().update(_kept)"
SLIP = """for _one in key.taken():
    if _one["slips"]:
        globals()[_one["name"]] = _one["slips"][{which} % len(_one["slips"])][1][0]
"""
STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""  # code that no interrupt ends


def solved(master: Path) -> NotebookNode:
    """The submission of a student who knows all: the master, hidden tests and all."""
    notebook: NotebookNode = nbformat.read(master, as_version=4)
    return notebook


def mistaken(master: Path, which: int) -> NotebookNode:
    """The submission of a student who makes a slip in every question that names one.

    Parameters
    ----------
    which : of the slips of each answer, from 0; starts again from the first where there are fewer
    """
    notebook, cells = solved(master), []
    for cell in notebook.cells:
        if about(cell).get("grade"):
            cells.append(new_code_cell(f"{KEPT}\n{cell.source}\n{SLIP.format(which=which)}"))
            cells += [cell, new_code_cell(BACK)]
        else:
            cells.append(cell)
    notebook.cells = cells
    return notebook
