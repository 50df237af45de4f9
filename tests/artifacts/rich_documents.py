"""One document of each format of office, table and record files with much of what its format can hold."""

from __future__ import annotations

import json

from tests.artifacts.office_bytes import (
    cell,
    docx_bytes,
    docx_table,
    epub_bytes,
    odt_bytes,
    p,
    run,
    sheet,
    sheet_xml,
    xlsx_bytes,
)

_DOCX = docx_bytes(
    p("Pump manual", style="Title")
    + p("Safety", style="H1", numbered=(1, 0))
    + p("Hot surface.", style="Warn")
    + p(runs=run("Deliver ") + f"<w:ins>{run('5.5 kW')}</w:ins><w:del><w:r><w:delText>7 kW</w:delText></w:r></w:del>")
    + "".join(p(f"Step {n}", numbered=(1, n % 3)) for n in range(6))
    + p("bullet", numbered=(2, 0))
    + docx_table(("Code", "Meaning", "Remedy"), ("E07", "Too hot", "Wait."), ("E08", "", "Fill."), header=True)
    + "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/></w:tcPr><w:p/></w:tc><w:tc>"
    f"<w:tcPr><w:vMerge w:val='restart'/></w:tcPr>{p('a')}{docx_table(('x', 'y'), ('1', '2'))}</w:tc></w:tr>"
    "<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/>"
    "</w:tc></w:tr></w:tbl>"
    + p(runs='<w:r><w:sym w:font="Symbol" w:char="F0B0"/><w:br w:type="page"/><w:tab/></w:r>')
    + p("print(1)", style="Code"),
    title="Pump",
    modified="2024-05-06T10:00:00Z",
    pages=2,
)
_ODT = odt_bytes(
    "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion>"
    '</text:changed-region></text:tracked-changes><text:p text:style-name="Title">Pump manual</text:p>'
    '<text:h text:outline-level="1">Safety</text:h><text:p text:style-name="P1">Hot<text:s text:c="3"/>it is.</text:p>'
    '<text:list text:style-name="L1"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>inner'
    '</text:p></text:list-item></text:list></text:list-item><text:list-item text:start-value="7"><text:p>seven</text:p>'
    "</text:list-item></text:list><text:soft-page-break/><table:table><table:table-header-rows><table:table-row>"
    "<table:table-cell><text:p>Code</text:p></table:table-cell><table:table-cell><text:p>Meaning</text:p>"
    "</table:table-cell></table:table-row></table:table-header-rows><table:table-row>"
    '<table:table-cell table:number-rows-spanned="2"><text:p>E07</text:p></table:table-cell>'
    '<table:table-cell table:number-columns-repeated="3"><text:p>hot<text:note><text:note-body><text:p>foot</text:p>'
    "</text:note-body></text:note></text:p></table:table-cell></table:table-row><table:table-row>"
    "<table:covered-table-cell/><table:table-cell><text:p>dry</text:p></table:table-cell></table:table-row>"
    "</table:table><text:p><draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box><svg:desc>Front view of "
    "valve Y1</svg:desc></draw:frame></text:p>",
    styles='<style:style style:name="P1" style:parent-style-name="Warning_20_text"><style:text-properties '
    'fo:font-weight="bold"/></style:style><text:list-style style:name="L1"><text:list-level-style-number '
    'text:level="1" style:num-format="1" style:num-suffix="."/><text:list-level-style-number text:level="2" '
    'style:num-format="a" style:num-suffix=")" text:display-levels="2"/></text:list-style>',
    named='<style:style style:name="Warning_20_text" style:display-name="Warning text"/>',
    title="Pump",
    date="2024-05-06T10:00:00",
    pages=2,
)
_XLSX = xlsx_bytes(
    sheet(
        [("Fault codes",), ("Code", "Limits", "Limits"), ("Code", "min", "max"), ("E07", 1.5, 2), ("E08", 3, 4.25), (),
         ("Note", "is plain")],
        merged=["A1:C1", "A2:A3", "B2:C2"],
    ),
    sheet_xml(
        '<row r="1">' + cell("A1", "When") + cell("B1", "Value") + '</row><row r="2">' + cell("A2", 45366.5, style=1)
        + cell("B2", 5.5, style=2, formula="A1+1") + '<c r="C2" t="s"><v>1</v></c><c r="D2" t="b"><v>1</v></c>'
        + '<c r="E2" t="e"><v>#N/A</v></c></row>'
    ),
    formats=["yyyy-mm-dd hh:mm", '#,##0.00 "bar"'],
    names=["Faults", "Values"],
    title="Pump",
    modified="2024-05-06T10:00:00Z",
)  # fmt: skip
_RST = """
Pump manual
===========
:Date: 2024-05-06

Text with :ref:`the valve <v>`, |sub| and a note [1]_.

.. |sub| replace:: word
.. [1] foot
.. warning:: Hot.
.. unknown:: thing
   :option: 1

   inside

#. one
#. two

   - deep

+----+----+
| A  | B  |
+====+====+
| 1  | 2  |
+    +----+
|    | 3  |
+----+----+

=== ===
a   b
=== ===
1   2
=== ===

.. list-table::
   :header-rows: 1

   * - A
     - B
   * - 1
     - 2

term
  definition

-o FILE  write ::

  code
"""
RICH: dict[str, bytes] = {
    ".docx": _DOCX,
    ".odt": _ODT,
    ".xlsx": _XLSX,
    ".epub": epub_bytes(
        "<h1>Pump</h1><p>It is <b>hot</b>.</p>",
        "<h2>Faults</h2><table><tr><th>Code</th><th>Meaning</th></tr><tr><td>E07</td><td>hot</td></tr></table>",
        title="Pump manual",
        modified="2024-05-06T10:00:00Z",
    ),
    ".csv": b'Code;Meaning;Remedy\nE07;"Motor too hot; very";"Wait ""5"" s.\nThen start."\nE08;dry;\n\n;;x\n1,5;2;3\n',
    ".tsv": "Question\tAnswer\nWhat is 5 °C?\t1. cold\nAnd E07?\thot\n".encode("utf-16"),
    ".json": json.dumps(
        {
            "title": "Pump",
            "date": "2024-05-06",
            "codes": [{"code": "E07", "limit": 5.5, "more": {"a": [1, None, True]}}, ["x", {"y": "z" * 300}]],
            "faq": [{"question": "Hot?", "answer": "1. Wait.\n2. Start."}],
        }
    ).encode(),
    ".jsonl": b'{"question": "Hot?", "answer": "Yes."}\n{"a": 1.50, "b": [1, 2]}\n["x", "y"]\n"z"\n',
    ".rst": _RST.encode(),
}
