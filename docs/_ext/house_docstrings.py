"""The house's docstrings as reStructuredText: sections are rubrics, `name : meaning` a list."""

import re

from sphinx.application import Sphinx

ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.*)")


def convert(lines: list[str]) -> list[str]:
    """A docstring's lines, as Sphinx reads them.

    A line of dashes makes the one before it a rubric. `one, two : meaning`, with its indented
    further lines, is an entry of a definition list.
    """
    made: list[str] = []
    for line in lines:
        if made and re.fullmatch(r"-{3,}", line):
            made[-1:] = ["", f".. rubric:: {made[-1]}", ""]
        elif entry := ENTRY.fullmatch(line):
            names = ", ".join(f"``{name}``" for name in entry[1].split(", "))
            gap = [""] if made and made[-1] and not made[-1].startswith(" ") else []
            made += [*gap, names, f"    {entry[2]}"]
        else:
            made.append(line)
    return made


def _on_docstring(*event: list[str]) -> None:
    event[-1][:] = convert(event[-1])


def _skipped(*event: object) -> bool | None:
    """Fields of a named tuple have no words of their own; its docstring tells of them."""
    return True if str(event[3].__doc__).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _on_docstring)
    app.connect("autodoc-skip-member", _skipped)
    return {"parallel_read_safe": True}
