"""The HTML page of a convolution's trace: a slider through the direct sum, and the same number in the other ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nbcnn.report import page as html
from nbcnn.report.grey_picture import grey_png
from nbcnn.report.trace_tile import TileStep, tile_steps, tile_words
from nbcnn.report.trace_words import (
    brief,
    complex_number,
    heads,
    matrix_words,
    number,
    outcome_rows,
    place_words,
    product,
    size_words,
    spectra_words,
    sum_words,
    term_rows,
)
from nbcnn.util.formatting import in_a_sentence

if TYPE_CHECKING:
    from nbcnn.introspect.trace.conv2d import ConvTrace
    from nbcnn.introspect.trace.direct_sum import Term

MOST_STEPS = 3000
"""Terms that the page has; a page of more would be slow."""
WIDEST_GRID = 11
"""Rows and columns of an image that is shown as numbers; of a larger one the window alone, and a picture."""


def trace_page(trace: ConvTrace) -> str:
    """The page as the text of a file."""
    return html.page(
        "A convolution, number by number",
        html.section("What is computed", *map(_sentence, (place_words(trace), *size_words(trace)))),
        html.section("1. The direct sum", *_direct_sum(trace)),
        html.section("2. As a matrix product", _sentence(matrix_words(trace)), *_matrix(trace)),
        html.section("3. As a product of spectra", _sentence(spectra_words(trace)), *_spectra(trace)),
        html.section("4. As a Winograd tile", _sentence(tile_words(trace)), *_tile(trace)),
        html.section("All backends", *_backends(trace)),
        subtitle=f"{trace.words}: {in_a_sentence(trace.problem)}",
    )


def _sentence(text: str) -> html.Html:
    """A paragraph with a capital letter; what begins with a name of one letter or a formula stays."""
    return html.paragraph(text[0].upper() + text[1:] + "." if text[1:2].islower() else f"{text}.")


def _direct_sum(trace: ConvTrace) -> list[html.Html]:
    words, terms = sum_words(trace), trace.sum.terms[:MOST_STEPS]
    less = len(trace.sum.terms) - len(terms)
    note = html.paragraph(f"The page has the first {len(terms):,} terms; nbcnn explain conv prints all.")
    readout = html.element("div", *(_line(trace, n, term) for n, term in enumerate(terms)), class_="readout")
    table = html.table(heads(trace), _rows(trace, terms), numbers=len(heads(trace)), step=0)
    groups = _by_channel(trace, terms) if trace.direction == "forward" else _of_gradient(trace, terms)
    begins = f"The sum begins with {number(trace.sum.start)}{', the bias' if trace.direction == 'forward' else ''}."
    return [
        _sentence(words.head),
        html.steps(
            len(terms),
            "term",
            html.paragraph(begins),
            readout,
            *groups,
            html.element("h3", "All terms"),
            html.element("div", table, class_="long", tabindex=0),
        ),
        *([note] if less else []),
        *map(_sentence, words.end),
    ]


def _rows(trace: ConvTrace, terms: tuple[Term, ...]) -> list[list[str]]:
    rows = [row for row in term_rows(trace) if row[-2] and not row[-2].startswith("block")]
    return rows[: len(terms)]


def _line(trace: ConvTrace, step: int, term: Term) -> html.Html:
    c, r, q = term.pixel
    index, other = ",".join(map(str, term.indices)), "w" if trace.direction == "forward" else "dy"
    o = trace.at[0]
    block = f" (block {term.block + 1} of the sum)" if len(trace.sum.blocks) > 1 else ""
    if term.padding:
        text = f"Row {r}, column {q} is padding: nothing is added, the sum stays {number(term.sum)}{block}."
    else:
        made = product(term.product) if trace.sum.fused else number(term.product)
        text = (
            f"x[{c},{r},{q}] · {other}[{o},{index}] = {number(term.x)} · {number(term.factor)} = {made}; "
            f"the sum is now {number(term.sum)}{block}."
        )
    return html.element("p", text, data_step=step)


def _by_channel(trace: ConvTrace, terms: tuple[Term, ...]) -> list[html.Html]:
    """For each channel its pixels, with the window, beside its kernel."""
    made, taps = [], trace.problem.kernel_size[0] * trace.problem.kernel_size[1]
    for first in range(0, len(terms), taps):
        own = list(enumerate(terms))[first : first + taps]
        channel, name = own[0][1].pixel[0], f"channel {own[0][1].pixel[0]}"
        rows = [own[n : n + trace.problem.kernel_size[1]] for n in range(0, len(own), trace.problem.kernel_size[1])]
        steps = [[n for n, _ in row] for row in rows]
        kernel = html.grid([[number(t.factor) for _, t in row] for row in rows], f"kernel for {name}", steps=steps)
        made.append(html.element("div", html.side_by_side(*_pixels(trace, channel, own), kernel), class_="group"))
    return made


def _pixels(trace: ConvTrace, channel: int, own: list[tuple[int, Term]]) -> list[html.Html]:
    """The padded channel as numbers, or where it is large the window alone, and a picture."""
    p, name = trace.problem, f"channel {channel}"
    (top, _, left, _), (rows, columns) = p.padding, p.padded_size
    at = {(term.pixel[1], term.pixel[2]): n for n, term in own}
    if max(rows, columns) <= WIDEST_GRID:
        places = [[(r - top, q - left) for q in range(columns)] for r in range(rows)]
        caption = f"x, {name}" + (", with its padding" if any(p.padding) else "")
        return [_numbered(trace, channel, places, at, caption)]
    width = p.kernel_size[1]
    window = [[(t.pixel[1], t.pixel[2]) for _, t in own[n : n + width]] for n in range(0, len(own), width)]
    box = (own[0][1].pixel[1:], own[-1][1].pixel[1:])
    png = grey_png(trace.x[channel], box)
    return [
        html.picture(png, f"{name} of the input, with the window", f"x, {name}: the window in orange"),
        _numbered(trace, channel, window, at, f"the window in {name}, from row {box[0][0]}, column {box[0][1]} on"),
    ]


def _numbered(
    trace: ConvTrace, channel: int, places: list[list[tuple[int, int]]], at: dict[tuple[int, int], int], caption: str
) -> html.Html:
    height, width = trace.x.shape[1:]
    cells, marks = list[list[str]](), list[list[str]]()
    bottom, right = (set(size.dropped) for size in trace.sizes)
    for row in places:
        inside = [0 <= r < height and 0 <= q < width for r, q in row]
        both = list(zip(row, inside, strict=True))
        cells.append([number(float(trace.x[channel, r, q])) if ok else "0" for (r, q), ok in both])
        marks.append([_marks(not ok, (r, q) in at, r in bottom or q in right) for (r, q), ok in both])
    return html.grid(cells, caption, marks, [[at.get(place) for place in row] for row in places])


def _marks(padding: bool, window: bool, dropped: bool) -> str:
    given = {"padding": padding, "window": window, "dropped": dropped}
    return " ".join(name for name, is_so in given.items() if is_so)


def _of_gradient(trace: ConvTrace, terms: tuple[Term, ...]) -> list[html.Html]:
    """Gradients of the output beside the pixels that the tap meets."""
    width = trace.problem.out_width
    if max(trace.problem.y_shape[1:]) > WIDEST_GRID or len(terms) < len(trace.sum.terms):
        channel = terms[0].pixel[0]
        return [
            html.side_by_side(
                html.picture(grey_png(trace.x[channel]), "the input channel", f"x, channel {channel}"),
                html.picture(grey_png(trace.factor[trace.at[0]]), "gradients", f"dy of output channel {trace.at[0]}"),
            )
        ]
    rows = [list(enumerate(terms))[n : n + width] for n in range(0, len(terms), width)]
    steps = [[n for n, _ in row] for row in rows]
    met = [["padding" if t.padding else number(t.x) for _, t in row] for row in rows]
    dy = [[number(t.factor) for _, t in row] for row in rows]
    marks = [["padding" if t.padding else "" for _, t in row] for row in rows]
    return [
        html.side_by_side(
            html.grid(met, "the pixels that the tap meets, one for each output", marks, steps),
            html.grid(dy, f"dy of output channel {trace.at[0]}", None, steps),
        )
    ]


def _matrix(trace: ConvTrace) -> list[html.Html]:
    form, most = trace.matrix, 4 * WIDEST_GRID
    left, right = ([number(float(n)) for n in vector[:most]] for vector in (form.left_row, form.right_column))
    more = len(form.left_row) - len(left)
    note = f"; {more:,} more" if more else ""
    return [html.grid([left, right], f"above the row, below the column{note}: products in pairs, then their sum")]


def _spectra(trace: ConvTrace) -> list[html.Html]:
    if (form := trace.spectra) is None:
        return []
    first = " (first channel)" * (form.channels > 1)
    other = f"the kernel{first}" if trace.direction == "forward" else "dy"
    parts = list[html.Html]()
    for name, spectrum in ((f"x{first}", form.x), (other, form.factor), ("the product", form.product)):
        rows, columns = spectrum.shape
        lowest = [[complex_number(z) for z in row] for row in spectrum[:4, :4]]
        less = f": the lowest of {rows}×{columns} frequencies" if spectrum.size > 16 else ""
        made = [html.grid(lowest, f"spectrum of {name}{less}")]
        if spectrum.size > 64:
            size = grey_png(np.log1p(np.fft.fftshift(np.abs(spectrum), axes=0)))
            made.append(html.picture(size, f"spectrum of {name}", f"{name}: its size, logarithmic"))
        parts.append(html.element("div", *made))
    return [html.side_by_side(*parts)]


def _tile(trace: ConvTrace) -> list[html.Html]:
    grids = [
        html.grid([[brief(float(n) + 0.0) for n in row] for row in step.matrix], step.words, _chosen(step))
        for step in tile_steps(trace)
    ]
    return [html.side_by_side(*grids)] if grids else []


def _chosen(step: TileStep) -> list[list[str]]:
    return [["window" if (r, q) == step.place else "" for q in range(len(row))] for r, row in enumerate(step.matrix)]


def _backends(trace: ConvTrace) -> list[html.Html]:
    head, *rows = outcome_rows(trace)
    refused = [one for one in trace.outcomes if one.refusal]
    said = html.element("ul", *(html.element("li", f"{one.backend} can't do it: {one.refusal}") for one in refused))
    return [
        html.paragraph(
            "Multiply-adds are those of the whole layer for one of 16 images together, which share the transforms of a "
            "kernel; > marks the layer's own backend."
        ),
        html.table([head[0].strip(), *head[1:]], [[row[0].strip(), *row[1:]] for row in rows], numbers=4),
        *([said] if refused else []),
    ]
