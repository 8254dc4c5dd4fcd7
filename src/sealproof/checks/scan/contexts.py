"""Which directories a container build may send away, and which ignore files keep things out of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from sealproof.checks.scan.files import Skip, read
from sealproof.checks.scan.samples import below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RECIPE = re.compile(
    r"(?:Dockerfile|Containerfile)(?:\.(?!dockerignore$).+)?|.+\.(?:Dockerfile|Containerfile)", re.IGNORECASE
)
_COMPOSE = re.compile(r"(?:docker-|podman-)?compose.*\.ya?ml", re.IGNORECASE)
_BUILDS = re.compile(rb"^\s+build\s*:", re.MULTILINE)
_OWN = ".dockerignore"
_GENERAL = (".dockerignore", ".containerignore")
_COMPOSE_MAX = 1 << 20  # bytes


class Context(NamedTuple):
    """A directory that a build may send away, and one ignore file that may govern that build."""

    base: str
    ignore_file: str
    recipes: tuple[str, ...]
    """Directories below it with a recipe, where people leave files for a build."""


def contexts(source: str, paths: Iterable[str], root: str) -> Iterator[Context]:
    """Yield every pair of build context and ignore file; none where nothing in the tree is built.

    `paths` are the files of the tree, relative to `source`; `root` is the store's, without links.
    """
    names = [(path, os.path.basename(path)) for path in paths]
    recipes = [path for path, name in names if _RECIPE.fullmatch(name)]
    builds = recipes or [path for path, name in names if _COMPOSE.fullmatch(name) and _has_build(source, path)]
    if not builds:
        return
    beside = tuple(dict.fromkeys(os.path.dirname(os.path.join(source, path)) for path in builds))
    yield from _of(source, beside, [path for path, name in names if _is_named_after_recipe(path, name, recipes)])
    for directory in beside:
        if directory != source and below(root, directory):
            yield from _of(directory, (), [])


def _of(base: str, beside: tuple[str, ...], named: Iterable[str]) -> Iterator[Context]:
    present = [name for name in _GENERAL if os.path.lexists(os.path.join(base, name))]
    for name in (*(present or (_OWN,)), *named):
        yield Context(base, os.path.join(base, name), beside)


def _is_named_after_recipe(path: str, name: str, recipes: list[str]) -> bool:
    return name.endswith(_OWN) and path.removesuffix(_OWN) in recipes


def _has_build(source: str, path: str) -> bool:
    data = read(os.path.join(source, path), limit=_COMPOSE_MAX)
    return isinstance(data, Skip) or _BUILDS.search(data) is not None
