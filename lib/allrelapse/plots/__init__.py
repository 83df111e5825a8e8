"""Pictures by subject: each draws a table and says in its docstring what the table must hold."""

from allrelapse.plots import (
    clones,
    courses,
    drawing,
    drugs,
    evolution,
    explorer,
    fish,
    genomes,
    oncoprint,
    routes,
    survival,
)

__all__ = [
    "clones",
    "courses",
    "drawing",
    "drugs",
    "evolution",
    "explorer",
    "fish",
    "genomes",
    "oncoprint",
    "routes",
    "survival",
]
