"""HTML elements: text is escaped in one place, so that a name out of a file can't become markup."""

from __future__ import annotations

from html import escape

from nbcnn.errors import printable


class Html(str):
    """Markup, which is put into a page as it is; plain text is escaped."""


Part = str | Html
"""What an element is made of: text, or markup that one of the functions here has made."""


def html(part: Part) -> Html:
    """Markup as it is; text escaped, with what a reader could not see written out (errors.printable)."""
    return part if isinstance(part, Html) else Html(escape(printable(part, lines=True)))


def joined(*parts: Part) -> Html:
    """Parts, one after the other."""
    return Html("".join(html(part) for part in parts))


def paragraphs(text: str) -> Html:
    """A paragraph for each line of a text."""
    return joined(*(element("p", line) for line in text.splitlines() if line.strip()))


def element(name: str, *content: Part, **attributes: str | int | None) -> Html:
    """``<name attribute="…">content</name>``; ``class_`` is written class, ``data_step`` data-step, None left out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{html(str(value))}"' for key, value in given.items())
    return Html(f"<{name}{written}>{joined(*content)}</{name}>")
