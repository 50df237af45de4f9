"""Walks a parsed HTML page without recursion and without what a reader of the page would not take for its content.

It knows what is visible and what is content; it does not know what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from selectolax.lexbor import LexborHTMLParser, LexborNode

DEEPEST = 500
"""Elements inside each other; browsers stop at about the same depth, and parsing costs its square."""

MOST_BYTES = 260_000_000
"""Memory that the elements of one page may take, by the two figures below; a page of a manual takes a hundredth."""
_ELEMENT_BYTES = 450
"""Of the parser, and of the blocks that come of it, for `<li>a`; measured over 800,000 of them."""
_ATTRIBUTE_BYTES = 250
"""The same for one attribute."""
_SMALL = 500_000
"""Characters of a page that cannot reach that much memory."""

_DROPPED_WORDS = """
    script style noscript template head nav footer aside svg math iframe object embed canvas audio video map
    dialog select option datalist button input textarea progress meter del s strike rp rt frameset
"""
_DROPPED = frozenset(_DROPPED_WORDS.split())
_DROPPED_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog"}
)
_DROPPED_CLASSES_WORDS = """
    nav navbar navigation breadcrumb breadcrumbs sidebar sphinxsidebar footer headerlink mw-editsection toc
    cookie-banner skip-link visually-hidden sr-only
"""
_DROPPED_CLASSES = frozenset(_DROPPED_CLASSES_WORDS.split())
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE)
_WARNING_CLASS = re.compile(r"(?:^|[-_])(?:warn|warning|caution|danger|hazard)(?:$|[-_])", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)[^<>]*>")
_OPENING = re.compile(r"<[a-zA-Z][^<>]*>")
_BETWEEN_ATTRIBUTES = re.compile(r"[\s/\"']+")
# These close themselves or each other, so an open one does not deepen the tree.
_FLAT_WORDS = """
    p li dt dd tr td th thead tbody tfoot option optgroup colgroup col caption br hr img input meta link area
    base embed source track wbr html head body
"""
_FLAT = frozenset(_FLAT_WORDS.split())


class Step(Enum):
    """What a walk meets."""

    ENTER = "enter"
    LEAVE = "leave"
    TEXT = "text"


Event = tuple[Step, LexborNode, str]
"""A step, its node, and the node's tag in lower case, or for TEXT its text."""


def parse(html: str) -> LexborHTMLParser:
    """Parse a page; elements nested deeper than `DEEPEST` lose their tags but not their text."""
    return LexborHTMLParser(_flattened(html).encode("utf-8", errors="replace"))


def fits(html: str) -> bool:
    """Whether the elements of a page fit into `MOST_BYTES`; the parser itself takes whatever it needs."""
    if len(html) <= _SMALL:
        return True
    tags = (match.span() for match in _OPENING.finditer(html))
    attributes = sum(1 for tag in tags for _ in _BETWEEN_ATTRIBUTES.finditer(html, *tag))
    return html.count("<") * _ELEMENT_BYTES + attributes * _ATTRIBUTE_BYTES <= MOST_BYTES


def walk(root: LexborNode) -> Iterator[Event]:
    """Yield what is inside `root` in document order, without hidden elements, menus, scripts and form controls."""
    stack: list[tuple[LexborNode, str]] = []
    node = root.first_child
    inside_content = root.tag in ("main", "article")
    while True:
        while node is None:
            if not stack:
                return
            left, tag = stack.pop()
            yield Step.LEAVE, left, tag
            node = left.next
        if node.is_text_node:
            yield Step.TEXT, node, node.text_content or ""
        elif node.is_element_node and not _dropped(node, inside_content):
            tag = (node.tag or "").lower()
            yield Step.ENTER, node, tag
            stack.append((node, tag))
            node = node.first_child
            continue
        node = node.next


def is_warning_box(node: LexborNode, tag: str) -> bool:
    """Whether an element's class says that it is a safety notice."""
    if tag not in ("div", "p", "section", "aside", "blockquote", "figure", "dl", "span", "strong"):
        return False
    return any(_WARNING_CLASS.search(name) for name in _attribute(node, "class").split())


def main_content(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the page's own content: `main`, a single `article`, or else the body."""
    body = tree.body
    if body is None:
        return tree.root
    best: LexborNode | None = None
    articles: list[LexborNode] = []
    for step, node, tag in walk(body):
        if step is not Step.ENTER:
            continue
        if best is None and (tag == "main" or _attribute(node, "role") == "main"):
            best = node
        if tag == "article":
            articles.append(node)
    if best is None and len(articles) == 1:
        best = articles[0]
    # A page that keeps its text outside the element it calls its main one is read whole.
    return best if best is not None and _words(best) * 10 >= _words(body) else body


def _words(node: LexborNode) -> int:
    return sum(1 for step, _, text in walk(node) if step is Step.TEXT for _ in _WORD.finditer(text))


def _dropped(node: LexborNode, inside_content: bool) -> bool:
    tag = (node.tag or "").lower()
    if tag == "aside" or tag not in _DROPPED:
        attributes = node.attributes
        if attributes and _hidden(attributes):
            return True
        if tag == "aside":
            return not is_warning_box(node, tag)
        # The head of the page is a banner; the head of an article holds its title.
        return tag == "header" and not inside_content and not _within_content(node)
    return True


def _hidden(attributes: dict[str, str | None]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if attributes.get("role") in _DROPPED_ROLES or _HIDING_STYLE.search(attributes.get("style") or ""):
        return True
    return not _DROPPED_CLASSES.isdisjoint((attributes.get("class") or "").lower().split())


def _within_content(node: LexborNode) -> bool:
    above = node.parent
    while above is not None:
        if above.tag in ("main", "article", "section"):
            return True
        above = above.parent
    return False


def _attribute(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _flattened(html: str) -> str:
    """`html` without the tags that nest deeper than `DEEPEST`."""
    depth = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal depth
        closing, tag = match.group(1), match.group(2).lower()
        if tag in _FLAT:
            return match.group()
        if closing:
            depth = max(0, depth - 1)
            return match.group() if depth < DEEPEST else " "
        depth += 1
        return match.group() if depth <= DEEPEST else " "

    return html if html.count("<") <= DEEPEST else _TAG.sub(keep, html)
