"""The study file: which analyses there are, what each needs, and what each must give."""

import difflib
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from allrelapse import parameters, paths, yamls
from allrelapse.data.tables import SCHEMAS
from allrelapse.errors import InputError

SLUG = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
CHAINS = Path(__file__).parent / "multiverse" / "chains"


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} must be a path below the folder, with no '..'")
    return str(path)


Text = Annotated[str, Field(min_length=1)]
Slug = Annotated[str, Field(pattern=SLUG)]
RelativePath = Annotated[str, AfterValidator(_inside)]


class OpenData(BaseModel):
    """Names of open data files: without a required one the notebook is not run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @field_validator("required", "optional")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _among(names, info, "open_data", "data/open_data.yaml")


class CohortTables(BaseModel):
    """Names of tables of the cohort: without a required one the notebook is not run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @field_validator("required", "optional")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in SCHEMAS]:
            choice = ", ".join(SCHEMAS)
            raise ValueError(f"a cohort has no table {', '.join(unknown)}; there are {choice}")
        return names


class Chain(BaseModel):
    """A way from data to the value of claims, with the choices that it leaves open.

    chain : name of a function of `allrelapse.multiverse.chains`
    choices : by name, the values that are defensible and why each is; the first is the notebook's
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: Text
    claims: tuple[str, ...] = Field(min_length=1)
    choices: dict[str, dict[bool | int | float | str, Text]] = Field(min_length=1)

    @field_validator("chain")
    @classmethod
    def _there(cls, name: str) -> str:
        if name not in parameters.of_functions(CHAINS):
            near = difflib.get_close_matches(name, parameters.of_functions(CHAINS), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; write one in multiverse/chains"
            raise ValueError(f"there is no chain {name!r}{hint}")
        return name

    @field_validator("choices")
    @classmethod
    def _allowed(cls, choices: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """The values in the types that the chain declares, the first one its default."""
        if "chain" not in info.data:
            return choices
        declared = parameters.of_functions(CHAINS)[info.data["chain"]]
        typed = {}
        for name, options in choices.items():
            values = [parameters.check(declared, {name: value})[name] for value in options]
            if len(values) < 2:
                raise ValueError(f"{name}: a choice needs two values or more, each with a reason")
            if values[0] != declared[name].default:
                usual = declared[name].default
                raise ValueError(f"{name}: the first value must be the notebook's, {usual!r}")
            typed[name] = dict(zip(values, options.values(), strict=True))
        return typed


class Analysis(BaseModel):
    """One notebook with its inputs and outputs; paths are relative, to the study or the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    title: Text
    question: Text
    notebook: RelativePath
    parameters: dict[str, JsonValue] = {}
    inputs: tuple[RelativePath, ...] = ()
    open_data: OpenData = OpenData()
    cohort: CohortTables = CohortTables()
    outputs: tuple[RelativePath, ...] = ()
    claims: tuple[str, ...] = ()
    multiverse: tuple[Chain, ...] = ()
    minutes: float = Field(gt=0, strict=True, allow_inf_nan=False)

    @field_validator("notebook", "inputs")
    @classmethod
    def _there(cls, names: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        for name in [names] if isinstance(names, str) else names:
            if info.context and not (info.context["root"] / name).is_file():
                raise ValueError(f"there is no file {name!r}; correct the path or add the file")
        return names

    @field_validator("parameters")
    @classmethod
    def _declared(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if not (info.context and "notebook" in info.data):
            return values
        notebook = info.context["root"] / info.data["notebook"]
        return parameters.check(parameters.declared(notebook), values)

    @field_validator("claims")
    @classmethod
    def _known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _among(names, info, "claims", "data/published/claims.csv")

    @field_validator("multiverse")
    @classmethod
    def _own(cls, chains: tuple[Chain, ...], info: ValidationInfo) -> tuple[Chain, ...]:
        own = info.data.get("claims", ())
        for chain in chains:
            if strange := [claim for claim in chain.claims if claim not in own]:
                raise ValueError(f"{chain.chain}: {', '.join(strange)} is no claim of the analysis")
        return chains


class Study(BaseModel):
    """A study: its analyses in their order, and the cohort on which they run by default.

    seed : of the simulated cohort
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    cohort: Slug
    seed: int = Field(default=1, ge=0, strict=True)
    analyses: tuple[Analysis, ...]
    _root: Path = PrivateAttr(default=paths.REPOSITORY)

    @field_validator("analyses")
    @classmethod
    def _any(cls, analyses: tuple[Analysis, ...]) -> tuple[Analysis, ...]:
        if not analyses:
            raise ValueError("there is none; add one")
        return analyses

    @property
    def root(self) -> Path:
        """Folder of the study file."""
        return self._root

    def find(self, name: str) -> Analysis:
        """The analysis of that id, or the only one whose id starts so.

        Raises
        ------
        InputError
            If there is none, or more than one.
        """
        found = [a for a in self.analyses if a.id == name]
        found = found or [a for a in self.analyses if name and a.id.startswith(name)]
        if len(found) != 1:
            fault = "fits more than one analysis" if found else "is no analysis"
            choice = ", ".join(a.id for a in found or self.analyses)
            raise InputError(f"{name!r} {fault}; choose one of {choice}")
        return found[0]

    @property
    def needs_cohort(self) -> bool:
        """Whether any analysis reads tables of the cohort."""
        return any(a.cohort.required or a.cohort.optional for a in self.analyses)

    def results(self, cohort: str) -> Path:
        """Folder of a cohort's results.

        Raises
        ------
        InputError
            If the name would not do as the name of a folder.
        """
        if not re.match(SLUG, cohort):
            raise InputError(f"cohort {cohort!r}: use letters, digits, - and _ only")
        return self._root / "results" / cohort


def load(
    path: Path = paths.REPOSITORY / "study.yaml",
    *,
    known_claims: Collection[str] | None = None,
    known_open_data: Collection[str] | None = None,
) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    known_claims, known_open_data : the names that analyses may use; any if not given

    Raises
    ------
    InputError
        If anything is wrong: one line per fault, with the entry, the field and the mend.
    """
    entries = yamls.read(path)
    root = path.absolute().parent
    context = {"root": root, "claims": known_claims, "open_data": known_open_data}
    faults = list(_repeated(entries))
    try:
        study = Study.model_validate(entries, context=context)
    except ValidationError as error:
        faults = [_told(entries, fault) for fault in error.errors()] + faults
    if faults:
        raise InputError("\n  ".join([f"{path}: {len(faults)} to mend", *faults]))
    study._root = root
    return study


def _among(names: tuple[str, ...], info: ValidationInfo, kind: str, where: str) -> tuple[str, ...]:
    """The names, if all are known or nobody said which are."""
    known = info.context[kind] if info.context else None
    unknown = [name for name in names if known is not None and name not in known]
    if unknown:
        raise ValueError(f"{where} has no {', '.join(map(repr, unknown))}; correct it or add it")
    return names


def _label(entries: Any, position: int) -> str:  # noqa: ANN401
    """What to call an analysis: its id if that is sound and its own, else its position."""
    raw = entries["analyses"]
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in raw]
    name = ids[position]
    sound = isinstance(name, str) and re.match(SLUG, name) and ids.count(name) == 1
    return str(name) if sound else f"analysis {position + 1}"


def _told(entries: Any, fault: Any) -> str:  # noqa: ANN401
    """A fault that pydantic found, in our words."""
    place, entry = list(fault["loc"]), "study"
    if len(place) > 1 and place[0] == "analyses" and isinstance(place[1], int):
        entry, place = _label(entries, place[1]), place[2:]
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
    words = {
        "extra_forbidden": "no such field; remove it or correct its name",
        "missing": "is missing; add it",
    }
    told = words.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    return f"{entry}: {field}: {told}" if field else f"{entry}: {told}"


def _repeated(entries: Any) -> Iterator[str]:  # noqa: ANN401
    """Ids that two analyses share, and claims that are met in more than one place."""
    raw = entries.get("analyses") if isinstance(entries, dict) else None
    first: dict[tuple[str, str], str] = {}
    for position, entry in enumerate(raw if isinstance(raw, list) else []):
        fields = entry if isinstance(entry, dict) else {}
        claims = fields.get("claims")
        pairs = [("id", fields.get("id"))]
        pairs += [("claims", claim) for claim in (claims if isinstance(claims, list) else [])]
        label = _label(entries, position)
        for field, name in pairs:
            if isinstance(name, str) and (field, name) in first:
                yield f"{label}: {field}: {name!r} is in {first[field, name]} already; keep one"
            elif isinstance(name, str):
                first[field, name] = label
