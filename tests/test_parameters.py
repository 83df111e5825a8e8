import math

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st

from allrelapse import parameters
from allrelapse.errors import InputError

CELL = """
# a comment of its own
level: float = 0.95  # confidence level = of all intervals
cuts: list[float] = [
    9.0,
    36.0,
]  # months – since diagnosis
n: "int" = 3
name = "x"
flag: bool = True
sums: list[int] = [1]
where: str | None = None
tuned = max(1, 2)
"""


@pytest.fixture(scope="module")
def allowed(tmp_path_factory):
    path = tmp_path_factory.mktemp("parameters") / "n.ipynb"
    toy.notebook(path, parameters=CELL)
    return parameters.declared(path)


def test_names_types_defaults_and_help_come_from_the_cell(allowed):
    assert [(p.name, p.type, p.default) for p in allowed.values()] == [
        ("level", "float", 0.95),
        ("cuts", "list[float]", [9.0, 36.0]),
        ("n", "int", 3),
        ("name", "str", "x"),
        ("flag", "bool", True),
        ("sums", "list[int]", [1]),
        ("where", "str | None", None),
        ("tuned", "unknown", "max(1, 2)"),
    ]
    assert allowed["level"].help == "confidence level = of all intervals"
    assert allowed["cuts"].help == "months – since diagnosis"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("level", "1", 1.0),
        ("level", "1e-3", 0.001),
        ("cuts", "[12, 3e1]", [12.0, 30.0]),
        ("n", "-4", -4),
        ("name", "3.10", "3.10"),
        ("name", "", ""),
        ("name", "a=b", "a=b"),
        ("flag", "false", False),
        ("sums", "[]", []),
    ],
)
def test_text_is_read_as_the_declared_type(name, text, value, allowed):
    given_values = parameters.from_text([f"{name}={text}"])
    checked = parameters.check(allowed, given_values)[name]
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level", "nan"),
        ("level", "-inf"),
        ("level", math.inf),
        ("level", True),
        ("level", None),
        ("n", "1.5"),
        ("n", 1.0),
        ("n", True),
        ("n", ""),
        ("flag", 1),
        ("flag", "perhaps"),
        ("name", 3),
        ("cuts", "9"),
        ("cuts", "[9, x]"),
        ("cuts", "[9"),
        ("cuts", "[[9]]"),
        ("cuts", "{a: 9}"),
        ("sums", [1.5]),
        ("where", "x"),
        ("tuned", 1),
        ("levle", "1"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_what_is_allowed(name, value, allowed):
    with pytest.raises(InputError) as error:
        parameters.check(allowed, {name: value})
    text = str(error.value)
    assert repr(name) in text
    assert "allowed: level: float = 0.95, cuts: list[float] = [9.0, 36.0], n: int = 3" in text
    assert "\n" not in text


@pytest.mark.parametrize("settings", [["level"], ["=1"], [""], ["n=1", "n=2"]])
def test_a_setting_must_be_one_name_and_one_value(settings):
    with pytest.raises(InputError, match="-p "):
        parameters.from_text(settings)


@given(name=st.sampled_from(["level", "cuts", "n", "flag", "sums", "where", "odd"]), text=st.text())
def test_any_text_is_taken_with_its_type_or_refused_in_one_line(name, text, allowed):
    kinds = {"level": float, "cuts": list, "n": int, "flag": bool, "sums": list}
    try:
        taken = type(parameters.check(allowed, {name: text})[name]) is kinds[name]
    except InputError as error:
        taken = len(str(error).splitlines()) == 1
    assert taken


@given(level=st.floats(allow_nan=False, allow_infinity=False), n=st.integers(), flag=st.booleans())
def test_what_is_printed_is_read_back(level, n, flag, allowed):
    values = {"level": level, "n": n, "flag": flag, "cuts": [level], "sums": [n]}
    assert parameters.check(allowed, {k: str(v) for k, v in values.items()}) == values


@pytest.mark.parametrize("text", ["", "[]", '{"cells": [1]}', '{"cells": [{}]}', "\x00"])
def test_a_file_that_is_no_notebook_is_one_clear_error(text, tmp_path):
    (tmp_path / "n.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"n\.ipynb cannot be read"):
        parameters.declared(tmp_path / "n.ipynb")


def test_a_parameters_cell_that_is_no_python_is_told(tmp_path):
    toy.notebook(tmp_path / "n.ipynb", parameters="a: int = 1\n%matplotlib inline")
    with pytest.raises(InputError, match="correct line 2"):
        parameters.declared(tmp_path / "n.ipynb")


def test_a_notebook_may_have_no_parameters(tmp_path):
    toy.notebook(tmp_path / "n.ipynb", parameters="")
    with pytest.raises(InputError, match="allowed: none"):
        parameters.check(parameters.declared(tmp_path / "n.ipynb"), {"a": 1})
