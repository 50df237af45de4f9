"""Teaches docutils the directives and roles that manuals use and it does not know, and unteaches it the unsafe ones.

It knows no block and no file. docutils keeps its tables of directives and roles for the whole process, so what is
entered here holds for every use of docutils in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles

_DIRECTIVE = re.compile(r"\.\.[ \t]+(?:\|[^|\n]{1,200}\|[ \t]+)?([A-Za-z][\w.+:-]{0,60})[ \t]?::")
_ROLE = re.compile(r":([A-Za-z][\w.+:-]{0,60}):`")
# What stands under these is no content, or is made anew each time, or comes from another file.
_DROPPED_WORDS = """
    toctree index highlight currentmodule module autosummary automodule autoclass autofunction tabularcolumns meta
    contents sectnum section-numbering role default-role include raw literalinclude graphviz uml mermaid plantuml
    rst-class class title date header footer target-notes restructuredtext-test-directive bibliography codeauthor
    sectionauthor todolist cssclass
"""
_DROPPED = frozenset(_DROPPED_WORDS.split())
_CODE = frozenset({"code-block", "sourcecode", "code", "highlight-code", "parsed-literal", "prompt", "productionlist"})
# What docutils does as it should: the rest of its own is dropped above or shown by `_Shown`.
_KEPT_WORDS = """
    admonition attention caution danger error hint important note tip warning image figure table csv-table list-table
    topic sidebar line-block math rubric epigraph highlights pull-quote compound container replace unicode
"""
_KEPT = frozenset(_KEPT_WORDS.split())
_CHANGES = {"versionadded": "New in version", "versionchanged": "Changed in version", "deprecated": "Deprecated since"}
_TARGET = re.compile(r"\s*(?<!\\)<[^<>]*>\s*$")
_OWN_ROLES = frozenset({"math", "sub", "sup", "subscript", "superscript", "code", "literal", "emphasis", "strong"})


def prepare(text: str) -> None:
    """Enter every directive and role that `text` uses into the tables of docutils."""
    for name in {match.group(1).casefold() for match in _DIRECTIVE.finditer(text)} - _KEPT:
        chosen: type[Directive] = _Shown
        if name in _DROPPED:
            chosen = _Dropped
        elif name in _CODE:
            chosen = _Code
        directives.register_directive(name, chosen)
    for name in {match.group(1).casefold() for match in _ROLE.finditer(text)} - _OWN_ROLES:
        roles.register_local_role(name, _show_role)


class _AnyOption(dict[str, Callable[[str], Any]]):
    """Takes whatever options a directive is given."""

    def __missing__(self, key: str) -> Callable[[str], Any]:
        return directives.unchanged


class _Shown(Directive):
    """A directive that is not known: its argument, and what stands under it."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption({"class": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        """The argument as a paragraph, then the content."""
        shown = nodes.container()
        argument = self.arguments[0] if self.arguments else ""
        if (change := _CHANGES.get(self.name)) is not None:
            argument = f"{change} {argument}:" if self.content else f"{change} {argument}."
        if argument:
            shown += nodes.paragraph("", " ".join(argument.split()))
        self.state.nested_parse(self.content, self.content_offset, shown)
        return [shown]


class _Code(Directive):
    """Code, whatever options its language and looks have."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption({"class": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        """The content as it stands."""
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text)]


class _Dropped(Directive):
    """A directive that adds nothing to what a person reads."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption({"class": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        """Nothing."""
        return []


def _show_role(
    _name: str, rawtext: str, text: str, _line: int, _inliner: object, *_: object, **__: object
) -> tuple[list[Any], list[Any]]:
    """The words of a role that refers to something, without its target."""
    plain = nodes.unescape(text)
    shown = _TARGET.sub("", plain).lstrip("~!") or plain
    return [nodes.inline(rawtext, shown)], []
