"""The parameters of notebooks and functions: what these declare, and values checked by that."""

import ast
import difflib
import json
import operator
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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


COMPARED = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
LIMITS = re.compile(r"^# limits: (.+)$", re.MULTILINE)
NUMBERS = ("int", "float", "list[int]", "list[float]")
COLUMN = re.compile(r"([a-z_]+)\.([a-z_]+)")


@dataclass(frozen=True)
class Parameter:
    """One line of a `parameters` cell, such as `alpha: float = 0.05  # level of the tests`.

    default : the value, or its source text if that is no plain literal
    limits : what a line such as `# limits: 0 <= death < birth; kind in absolute | relative` of the
        cell says of it; `patient in samples.patient` is a column of the cohort that must hold any
        value but the default
    """

    name: str
    type: str
    default: Any
    help: str = ""
    limits: str = ""

    def __str__(self) -> str:
        limits = f" ({self.limits})" if self.limits else ""
        return f"{self.name}: {self.type} = {self.default!r}{limits}"

    @property
    def choice(self) -> list[str]:
        """The words of which it must be one; empty if it is limited otherwise."""
        _, within, words = self.limits.partition(" in ")
        return words.split(" | ") if within and not self.column else []

    @property
    def column(self) -> tuple[str, str] | None:
        """The table and column of the cohort that must hold the value, if it is such a one."""
        found = COLUMN.fullmatch(self.limits.partition(" in ")[2])
        return (found[1], found[2]) if found else None


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares in its cell tagged `parameters`, by name.

    Raises
    ------
    InputError
        If the file is no notebook, the cell is no Python, or a limit in it is none.
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
    known = {parameter.name: parameter for parameter in found if parameter}
    for limit in ";".join(LIMITS.findall(source)).split(";") if LIMITS.search(source) else ():
        name = _limited(limit.strip(), known)
        if name is None or known[name].limits:
            mend = "give each one, such as 0 < level < 1, with names and numbers, or kind in a | b"
            raise InputError(f"{notebook}: {limit.strip()!r} is no limit of a parameter; {mend}")
        known[name] = replace(known[name], limits=limit.strip())
    return known


def of_functions(folder: Path) -> dict[str, dict[str, Parameter]]:
    """The keyword-only arguments of the public functions in a folder's modules, by function.

    They are read from the source and nothing is imported, which would take seconds.
    """
    found = {}
    for path in sorted(folder.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                each = [_keyword(argument, default) for argument, default in pairs]
                found[node.name] = {parameter.name: parameter for parameter in each}
    return found


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
    """Values in the declared types and limits; text is read as the type that its parameter has.

    Raises
    ------
    InputError
        One line on all unknown names, wrong types and values beyond limits, and what is allowed.
    """
    checked, faults = {}, []
    for name, value in values.items():
        try:
            checked[name] = _typed(allowed, name, value)
        except InputError as error:
            faults.append(str(error))
    beyond = _beyond(allowed, checked)
    if beyond and not faults:
        raise InputError("; ".join(beyond))
    if faults:
        choice = ", ".join(map(str, allowed.values())) or "none"
        raise InputError(f"{'; '.join([*faults, *beyond])}; allowed: {choice}")
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


def _limited(limit: str, known: Mapping[str, Parameter]) -> str | None:
    """The parameter that a limit is of, the first one that it names; None if it is no limit."""
    name, within, _ = limit.partition(" in ")
    if within:
        return name if name in known else None
    try:
        node = ast.parse(limit, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(node, ast.Compare) or not {type(op) for op in node.ops} <= COMPARED.keys():
        return None
    sides = [node.left, *node.comparators]
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    numbers = [side for side in sides if isinstance(side, ast.Constant)]
    sound = names and len(names) + len(numbers) == len(sides)
    return (
        names[0] if sound and all(n in known and known[n].type in NUMBERS for n in names) else None
    )


def _beyond(allowed: Mapping[str, Parameter], checked: Mapping[str, Any]) -> list[str]:
    """Values that are beyond their limits, in words; `checked` are in their types already."""
    everything = {name: parameter.default for name, parameter in allowed.items()} | dict(checked)
    faults = []
    for name, parameter in allowed.items():
        named = set(re.findall(r"[A-Za-z_]\w*", parameter.limits)) & allowed.keys()
        if not named & checked.keys() or parameter.column:
            continue
        values = everything[name] if isinstance(everything[name], list) else [everything[name]]
        for value in values:
            if parameter.choice:
                sound = value in parameter.choice
            else:
                sound = _holds(parameter.limits, {**everything, name: value})
            if not sound:
                others = (f", and {n} is {everything[n]!r}" for n in sorted(named - {name}))
                must = parameter.limits.removeprefix(f"{name} in ")
                told = f"parameter {name!r}: {reprlib.repr(value)}, but it must be {must}"
                faults.append(told + "".join(others))
    return faults


def _holds(limits: str, values: Mapping[str, Any]) -> bool:
    """Whether values keep to limits such as `0 < level < 1`."""
    node = ast.parse(limits, mode="eval").body
    assert isinstance(node, ast.Compare)  # `_limited` has seen to it
    sides = [
        values[side.id] if isinstance(side, ast.Name) else ast.literal_eval(side)
        for side in (node.left, *node.comparators)
    ]
    pairs = zip(node.ops, sides, sides[1:], strict=False)
    if any(isinstance(side, str) for side in sides):  # a default that is no plain number
        return True
    return all(COMPARED[type(op)](left, right) for op, left, right in pairs)


def _keyword(argument: ast.arg, default: ast.expr | None) -> Parameter:
    """The parameter that a keyword-only argument with a literal default declares."""
    kind = ast.unparse(argument.annotation) if argument.annotation else "unknown"
    return Parameter(argument.arg, kind, default and ast.literal_eval(default))


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
