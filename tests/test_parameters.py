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


LIMITED = """
level: float = 0.95  # of intervals
death: float = 0.04
birth: float = 0.105
shares: list[float] = [10.0, 30.0]
kind: str = "absolute"
patient: str = ""
half: float = 1 / 2
# limits: 0 < level < 1; 0 <= death < birth; 0 < shares < 100; kind in absolute | relative one
# limits: patient in serial_samples.patient; half > 0
"""


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    path = tmp_path_factory.mktemp("limits") / "n.ipynb"
    toy.notebook(path, parameters=LIMITED)
    return parameters.declared(path)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"level": "1.5"}, "parameter 'level': 1.5, but it must be 0 < level < 1"),
        ({"level": "1"}, "parameter 'level': 1.0, but it must be 0 < level < 1"),
        ({"death": "0.2"}, "'death': 0.2, but it must be 0 <= death < birth, and birth is 0.105"),
        ({"birth": "0.01"}, "'death': 0.04, but it must be 0 <= death < birth, and birth is 0.01"),
        ({"shares": "[5, 100]"}, "'shares': 100.0, but it must be 0 < shares < 100"),
        ({"kind": "relative"}, "'kind': 'relative', but it must be absolute | relative one"),
    ],
)
def test_a_value_beyond_its_limits_is_refused_with_them(values, told, limited):
    with pytest.raises(InputError) as error:
        parameters.check(limited, values)
    assert told in str(error.value)
    assert "allowed" not in str(error.value)


def test_values_within_their_limits_are_taken(limited):
    values = {"level": "0.5", "death": "0", "shares": "[]", "kind": "relative one", "half": "3"}
    taken = {"level": 0.5, "death": 0.0, "shares": [], "kind": "relative one", "half": 3.0}
    assert parameters.check(limited, values) == taken
    # two that only together keep to their limits
    assert parameters.check(limited, {"death": "0.2", "birth": "0.3"})["death"] == 0.2


def test_a_value_of_the_cohort_names_its_table_and_column(limited):
    assert limited["patient"].column == ("serial_samples", "patient")
    assert limited["kind"].column is None
    assert parameters.check(limited, {"patient": "anybody"}) == {"patient": "anybody"}


@pytest.mark.parametrize(
    "limit",
    [
        "0 < levle < 1",
        "level",
        "level != 1",
        "0 < level < f()",
        "kind > 1",
        "no in a | b",
        "level <",
    ],
)
def test_a_limit_that_is_none_is_told(limit, tmp_path):
    cell = f'level: float = 0.9\nkind: str = "a"\n# limits: {limit}'
    toy.notebook(tmp_path / "n.ipynb", parameters=cell)
    with pytest.raises(InputError, match="is no limit of a parameter"):
        parameters.declared(tmp_path / "n.ipynb")


def test_two_limits_of_one_parameter_are_refused_as_one_would_be_lost(tmp_path):
    toy.notebook(tmp_path / "n.ipynb", parameters="n: int = 1\n# limits: n > 0; n < 5")
    with pytest.raises(InputError, match="'n < 5' is no limit"):
        parameters.declared(tmp_path / "n.ipynb")
