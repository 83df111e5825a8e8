"""YAML files that people write: read safely, and refused where YAML would silently drop a key."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from allrelapse.errors import InputError

LARGEST = 5_000_000
"""Bytes; nobody writes more by hand."""


def read(path: Path) -> Any:  # noqa: ANN401
    """The content of a YAML file.

    Raises
    ------
    InputError
        If it is absent, too large, malformed or uses tags, or gives a key twice.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        return yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except Exception as error:  # an odd tag such as `!!bool x` makes PyYAML raise almost anything
        raise InputError(f"{path} cannot be read: {error or type(error).__name__}") from error


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key given twice, and aliases, which can grow without bound."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
        if self.check_event(yaml.AliasEvent):
            raise ValueError("aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ANN401
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, count in ((k, keys.count(k)) for k in keys):
            if count > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given {count} times; keep one", node.start_mark
                )
        return super().construct_mapping(node, deep)
