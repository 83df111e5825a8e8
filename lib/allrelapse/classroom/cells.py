"""Runs the cells of an exercise in this very process, and collects the answers as plain data."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import nbformat

from allrelapse.classroom import key
from allrelapse.classroom.answers import NotAnAnswerError, plain
from allrelapse.classroom.editions import Code, code

LETTERS = 300
"""Letters of an error that are kept."""
Namespace = dict[str, Any]


def answers(
    cells: Code, wanted: dict[str, list[str]], out: IO[bytes], *, seconds: float = 0
) -> None:
    """Run a submission; after each check write its answers as a line of JSON.

    A cell that fails does not stop the others. What was written stays, whatever comes after.

    Parameters
    ----------
    wanted : names of the answers, by question
    seconds : after which a cell is stopped, as by the user; 0 for never
    """

    def collect(question: str, variables: Namespace, errors: list[str]) -> None:
        if question in wanted:
            found = {name: _answer(variables, name) for name in wanted[question]}
            _line(out, {"question": question, "answers": found, "errors": errors})

    _run(cells, collect, seconds)


def expectations(master: Path, out: IO[bytes], *, names_only: bool = False) -> None:
    """Run a master; after each check write what its hidden tests expect as a line of JSON."""

    def collect(question: str, variables: Namespace, errors: list[str]) -> None:
        if expected := key.taken():
            told = [{"name": one["name"]} for one in expected] if names_only else expected
            _line(out, {"question": question, "expected": told})
        if errors:
            _line(out, {"question": question or "a cell", "failed": errors[-1]})

    key.taken()
    _run(code(nbformat.read(master, as_version=4)), collect, 0)


def _run(cells: Code, collect: Callable[[str, Namespace, list[str]], None], seconds: float) -> None:
    """Run cells as a notebook does; after each, `collect` is told the errors since a check."""
    import matplotlib
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib import pyplot
    from traitlets.config import Config

    matplotlib.use("agg", force=True)
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    errors: list[str] = []
    signal.signal(signal.SIGALRM, _too_long)
    for name, source in cells:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            result = shell.run_cell(source, store_history=False)
            if error := result.error_before_exec or result.error_in_exec:
                errors.append(_short(error))
        except BaseException as error:  # a student's code can raise anything, and out of anywhere
            errors.append(_short(error))
        signal.setitimer(signal.ITIMER_REAL, 0)
        pyplot.close("all")
        collect(name, shell.user_ns, errors)
        if not name.endswith("-answer") and name:
            errors.clear()


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError("the cell ran too long and was stopped; is there a loop without an end?")


def _answer(variables: Namespace, name: str) -> dict[str, Any]:
    value = variables.get(name, ...)
    if value is ...:
        return {"missing": True}
    try:
        return {"value": plain(value)}
    except NotAnAnswerError as error:
        return {"unusable": str(error)}
    except Exception as error:  # objects of a student may do anything when they are looked at
        return {"unusable": f"cannot be read: {_short(error)}"}


def _short(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= LETTERS else f"{text[:LETTERS]} …"


def _line(out: IO[bytes], entry: dict[str, Any]) -> None:
    out.write(json.dumps(entry).encode() + b"\n")
    out.flush()
