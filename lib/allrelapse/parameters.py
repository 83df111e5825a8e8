"""The parameters of a notebook: what its `parameters` cell declares, and values checked by it."""

import ast
import difflib
import json
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from allrelapse.errors import InputError

TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": FiniteFloat,
    "bool": bool,
    "list[str]": list[str],
    "list[int]": list[int],
    "list[float]": list[FiniteFloat],
    "list[bool]": list[bool],
}


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell, such as `alpha: float = 0.05  # level of the tests`.

    `default` is the value, or its source text if that is no plain literal.
    """

    name: str
    type: str
    default: Any
    help: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.default!r}"


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares in its cell tagged `parameters`, by name.

    Raises
    ------
    InputError
        If the file is no notebook, or the cell is no Python.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = [
            "".join(cell["source"])
            for cell in cells
            if "parameters" in cell["metadata"].get("tags", [])
        ]
        source = sources[0] if sources else ""
        found = [_parameter(node, source) for node in ast.parse(source).body]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        mend = "a notebook (nbformat 4) whose parameters cell is plain assignments is needed"
        raise InputError(f"{notebook} cannot be read ({error}); {mend}") from error
    except SyntaxError as error:
        mend = f"correct line {error.lineno} of its parameters cell"
        raise InputError(f"{notebook}: {error.msg}; {mend}") from error
    return {parameter.name: parameter for parameter in found if parameter}


def from_text(settings: Iterable[str]) -> dict[str, str]:
    """Split settings such as `alpha=0.01`; the values stay text until the notebook gives a type.

    Raises
    ------
    InputError
        If one has no `=`, or a name comes twice.
    """
    values: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name.strip() and equals):
            raise InputError(f"-p {setting!r}: write name=value, such as -p alpha=0.01")
        if name.strip() in values:
            raise InputError(f"-p {setting!r}: {name.strip()} is set twice; keep one")
        values[name.strip()] = value
    return values


def check(allowed: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in the declared types; text is read as the type that its parameter has.

    Raises
    ------
    InputError
        One line on all unknown names and wrong types, and which parameters are allowed.
    """
    checked, faults = {}, []
    for name, value in values.items():
        try:
            checked[name] = _typed(allowed, name, value)
        except InputError as error:
            faults.append(str(error))
    if faults:
        choice = ", ".join(map(str, allowed.values())) or "none"
        raise InputError(f"{'; '.join(faults)}; allowed: {choice}")
    return checked


def _parameter(node: ast.stmt, source: str) -> Parameter | None:
    """The parameter that a statement of the cell declares, if it is an assignment to a name."""
    target: ast.expr
    if isinstance(node, ast.AnnAssign):
        target, annotation = node.target, ast.unparse(node.annotation).strip("'\"")
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, annotation = node.targets[0], ""
    else:
        return None
    if not isinstance(target, ast.Name) or node.value is None:
        return None
    try:
        default = ast.literal_eval(node.value)
        annotation = annotation or type(default).__name__
    except (ValueError, TypeError):
        default = ast.unparse(node.value)
    if not isinstance(default, str | int | float | list | None):
        default = ast.unparse(node.value)
    line = source.splitlines()[(node.end_lineno or 1) - 1].encode()
    note = line[node.end_col_offset :].decode().strip().removeprefix("#").strip()
    return Parameter(target.id, annotation or "unknown", default, note)


def _typed(allowed: Mapping[str, Parameter], name: str, value: Any) -> Any:  # noqa: ANN401
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise InputError(f"no parameter {name!r}{hint}")
    kind = allowed[name].type
    if kind not in TYPES:
        raise InputError(f"parameter {name!r} cannot be set: give it a type of {', '.join(TYPES)}")
    is_text = isinstance(value, str)
    try:
        # this loader keeps every scalar as text, so that the declared type decides what it is
        parsed = yaml.load(value, yaml.BaseLoader) if is_text and "[" in kind else value
        return TypeAdapter(TYPES[kind]).validate_python(parsed, strict=not is_text)
    except (ValidationError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"parameter {name!r}: {reprlib.repr(value)} is no {kind}") from error
