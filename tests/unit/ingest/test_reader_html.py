"""HTML becomes what the page is about: no menus, scripts or hidden text, but every table, list and warning."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers import html
from assistant.ingest.readers.html import HtmlReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(html: str | bytes) -> Document:
        path = tmp_path / "a.html"
        path.write_bytes(html if isinstance(html, bytes) else html.encode())
        return HtmlReader().read(path, "a.html")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


@pytest.mark.parametrize(
    "noise",
    [
        "<nav>menu</nav>",
        "<header>banner</header>",
        "<footer>foot</footer>",
        "<aside>advert</aside>",
        "<script>var a</script>",
        "<style>p {}</style>",
        "<noscript>no</noscript>",
        "<template>t</template>",
        "<button>press</button><select><option>one</select><textarea>t</textarea>",
        "<p hidden>secret</p>",
        "<p style='color:red; Display : none'>secret</p>",
        "<span style='font-size:0'>secret</span>",
        "<p aria-hidden='true'>secret</p>",
        "<div role='navigation'>menu</div>",
        "<!-- comment -->",
        "<table><tr><td><a href=a>Back</a><td><a href=b>Next</a></table>",
    ],
)
def test_what_is_no_content_goes(read, noise: str) -> None:  # type: ignore[no-untyped-def]
    assert read(f"<body>{noise}<p>Content of the page.</p></body>").text == "Content of the page."


def test_main_is_preferred_to_the_rest_of_the_page(read) -> None:  # type: ignore[no-untyped-def]
    assert (
        read("<div>around</div><main><p>inside is all the text of it</p></main>").text == "inside is all the text of it"
    )


def test_a_tiny_main_does_not_hide_the_page(read) -> None:  # type: ignore[no-untyped-def]
    assert "outside" in read("<main>x</main><p>" + "outside " * 50).text


def test_the_head_of_an_article_holds_its_title(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<article><header><h1>Pump</h1></header><p>text</p></article>").title == "Pump"


def test_entities_and_white_space_are_resolved(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>5&nbsp;&deg;C\n  &plusmn; <b>2</b>&#8201;K</p>").text == "5 °C ± 2 K"


def test_inline_elements_do_not_part_words(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>H<sub>2</sub>O and <em>re</em>start</p>").text == "H2O and restart"


def test_line_breaks_part_words(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>one<br>two</p>").text == "one two"


def test_ordered_lists_count_from_their_start(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<ol start=4><li>a<li><p>b</p><ul><li>c</ul><li value=9>d</ol>")
    assert blocks(document) == [("step", "4. a"), ("step", "5. b"), ("list_item", "- c"), ("step", "9. d")]


def test_definitions_follow_their_terms(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<dl><dt>-p<dt>--part:<dd>the part<dt>-x<dd><pre>code</pre></dl>")
    assert blocks(document) == [("list_item", "-p, --part: the part"), ("list_item", "-x:"), ("code", "code")]


def test_header_cells_make_a_header_row(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<table><caption>Faults</caption><tr><th>Code<th>Cause<tr><th>E07<td>hot</table>")
    assert blocks(document) == [("paragraph", "Faults"), ("table_header", "Code | Cause"), ("table_row", "E07 | hot")]


def test_cells_that_span_rows_are_repeated(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<table><tr><td rowspan=2>A<td>1<tr><td>2<tr><td>B<td>3</table>")
    assert [text for _, text in blocks(document)] == ["A | 1", "A | 2", "B | 3"]


def test_cells_that_span_columns_keep_the_columns_apart(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<table><tr><td colspan=2>A<td>B<tr><td>1<td>2<td>3</table>")
    assert [text for _, text in blocks(document)] == ["A | | B", "1 | 2 | 3"]


@pytest.mark.parametrize("span", ["999999999", "-3", "0", "x", ""])
def test_absurd_spans_are_harmless(read, span: str) -> None:  # type: ignore[no-untyped-def]
    html = f"<table><tr><td rowspan='{span}' colspan='{span}'>A<td>B<tr><td>1<td>2</table>"
    assert len(read(html).text) < 2_000


def test_layout_tables_are_read_as_a_page(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<table><tr><td><h2>Pump</h2><p>text</p><td><table><tr><td>a<td>b</table></table>")
    assert blocks(document) == [("heading", "Pump"), ("paragraph", "text"), ("table_row", "a | b")]


def test_warning_boxes_are_warnings(read) -> None:  # type: ignore[no-untyped-def]
    html = "<div class='alert alert-danger'><p>Hot.</p></div><aside class=warning>Live.</aside><p>Cold.</p>"
    assert [kind for kind, _ in blocks(read(html))] == ["warning", "warning", "paragraph"]


def test_code_keeps_its_lines(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("<pre>a\n  b\n</pre>")) == [("code", "a\n  b")]


def test_text_outside_any_element_is_kept_in_order(read) -> None:  # type: ignore[no-untyped-def]
    assert read("one<p>two</p>three<div>four</div>").text == "one\n\ntwo\n\nthree\n\nfour"


def test_the_title_element_wins_where_it_says_more(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<title>Otto K8 – Operation</title><h1>Operation</h1>").title == "Otto K8 – Operation"


def test_the_heading_wins_over_another_title(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<title>Export 0815</title><h1>Operation</h1>").title == "Operation"


def test_the_page_names_its_encoding(read) -> None:  # type: ignore[no-untyped-def]
    html = "<meta charset='koi8-r'><p>Насос</p>"
    assert read(html.encode("koi8-r")).text == "Насос"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "deep",
        "<b><i>" * 50_000 + "deep",
        "<table><tr><td>" * 20_000 + "deep",
        "<ul><li>" * 50_000 + "deep",
        "<p>deep" * 50_000,
        "<" * 500_000 + " deep",
        "<p " + "a=b " * 100_000 + ">deep",
        "deep" * 250_000,
    ],
    ids=["divs", "inline", "tables", "lists", "unclosed", "brackets", "attributes", "one word"],
)
def test_hostile_pages_neither_crash_nor_hang(read, html: str) -> None:  # type: ignore[no-untyped-def]
    begun = time.perf_counter()
    assert "deep" in read(html).text
    assert time.perf_counter() - begun < 15


def test_many_siblings_with_equal_closings_are_not_taken_as_depth(read) -> None:  # type: ignore[no-untyped-def]
    document = read("".join(f"<div><p>paragraph {number}</p></div>" for number in range(3_000)))
    assert len(document.blocks) == 3_000


@pytest.mark.parametrize("element", ["<li>a", "<p>a</p>", "<i a b c d e f g></i>", "<i a=1 b='2' c=\"3\"/>"])
def test_a_page_with_more_elements_than_fit_into_memory_is_refused_before_it_is_parsed(
    element: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.html"
    path.write_text(element * (11_000_000 // len(element)))
    monkeypatch.setattr(html, "parse", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(UnreadableDocument, match=r"^a has more elements than a page can hold; split it"):
        HtmlReader().read(path, "a")


def test_a_long_page_of_sentences_fits(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text('<p class="text">The pump delivers 5.5 kW at 2.5 bar and < 3 "bar" hurt nobody.</p>\n' * 20_000)
    assert len(HtmlReader().read(path, "a").blocks) == 20_000
