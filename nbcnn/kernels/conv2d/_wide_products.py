"""Blocked matrix products for convolutions with many channels: numbers times lanes, a few terms of every sum at a time.

Sums wait in memory between, in the order in which blocks are made, and a float32 that is stored and loaded again is the
same: so each sum adds the same products in the same order as it would in one go.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.conv2d._wide_sizes import PANEL
from nbcnn.lanes import (
    LANES,
    add_products,
    add_sums,
    load,
    load_block,
    load_columns,
    load_each,
    prefetch,
    scalars,
    start_sums,
    store,
    store_each,
    strided,
)


@kernel
def room(scratch, rows, columns):
    """The first numbers of scratch as an array (rows, columns, 16), and the scratch that is left."""
    size = rows * columns * LANES
    return scratch[:size].reshape((rows, columns, LANES)), scratch[size:]


@kernel
def panels_of(scratch, rows, terms):
    """The first numbers of scratch as panels (panels, terms, 48) of so many rows, and the scratch that is left."""
    count = (rows + PANEL - 1) // PANEL
    size = count * terms * PANEL
    return scratch[:size].reshape((count, terms, PANEL)), scratch[size:]


@kernel
def add_panel(arrays, place, terms, begins, joined, block):
    """To some rows of sums (rows, columns, 16) the products of some terms.

    arrays: numbers, panels (panels, terms, 48), a row of them for each row of sums; lanes (some terms, columns, 16);
    starts (rows,), what sums begin with, if they begin; sums. place: the first row of numbers, the one behind the last,
    and where in sums row 0 would be; terms: their first in numbers, and how many; joined: how many sums before these
    are then added to them, first to last, and how far before one another they lie; the result is put in the place of
    the foremost.
    """
    (rows, columns), (numbers, lanes, starts, sums), (o_first, o_stop, offset) = block, arrays, place
    (k0, count), (others, apart) = terms, joined
    for o in range(o_first, o_stop, len(rows)):
        panel, at, found = o // PANEL, strided(o % PANEL, 1, rows), strided(offset + o, 1, rows)
        if begins:
            s = start_sums(scalars(starts, (strided(o, 1, rows),)), columns)
        else:
            s = load_block(sums, (found, columns))
        for k in range(count):
            s = add_products(s, scalars(numbers, (panel, k0 + k, at)), load_each(lanes, (k, columns)))
        for other in range(others):
            found = strided(offset + o - (other + 1) * apart, 1, rows)
            s = add_sums(load_block(sums, (found, columns)), s)
        store_each(sums, (found, columns), s)


@kernel
def finish_panel(arrays, place, terms, begins, output, block):
    """The same, sums that are complete then, to output: y (rows, pixels, 16), and which of its pixels.

    These are the first column's number, how many numbers there are in a row of pixels and in all, where in y number 0
    is, how far it is from there to the next row and the next pixel.
    """
    (rows, columns), (numbers, lanes, starts, sums), (o_first, o_stop, offset) = block, arrays, place
    (k0, count), (y, pixels) = terms, output
    p, across, P, start, down, right = pixels
    O, n = y.shape[0], len(columns)
    in_a_row = p % across + n <= across or down == across * right
    ps = strided(start + p // across * down + p % across * right, right, columns)
    for o in range(o_first, o_stop, len(rows)):
        panel, at, found = o // PANEL, strided(o % PANEL, 1, rows), strided(offset + o, 1, rows)
        os, whole = strided(o, 1, rows), in_a_row and p + n <= P and o + len(rows) <= O
        if whole:
            prefetch(y, (os, ps))
        if begins:
            s = start_sums(scalars(starts, (os,)), columns)
        else:
            s = load_block(sums, (found, columns))
        for k in range(count):
            s = add_products(s, scalars(numbers, (panel, k0 + k, at)), load_each(lanes, (k, columns)))
        if whole:
            store_each(y, (os, ps), s)
        else:
            store_each(sums, (found, columns), s)
            put_rows(sums, y, (offset, o, min(o + len(rows), O)), pixels)


@kernel
def put_rows(sums, y, place, pixels):
    """Rows of sums (rows, columns, 16) to y (rows, pixels, 16), see finish_panel.

    place: where in sums row 0 would be, the first row and the one behind the last.
    """
    offset, first, stop = place
    p, across, P, start, down, right = pixels
    for n in range(min(sums.shape[1], P - p)):
        to = start + (p + n) // across * down + (p + n) % across * right
        for o in range(first, stop):
            store(y, (o, to), load(sums, (offset + o, n)))


@kernel
def add_all(total, sums):
    """total (rows, columns, 16) += sums, all of them."""
    for m in range(total.shape[0]):
        for n in range(total.shape[1]):
            store(total, (m, n), load(total, (m, n)) + load(sums, (m, n)))


@kernel
def transpose(matrix, panels, first, K):
    """K columns of a matrix (rows, columns) from ``first`` on to the first K terms of panels."""
    rows = matrix.shape[0]
    for o in range(0, rows, LANES):
        panel, at = o // PANEL, o % PANEL
        if o + LANES <= rows and K >= 4:
            for next_k in range(0, K, 4):
                k = min(next_k, K - 4)
                four = load_columns(matrix, (o, first + k))
                store_each(panels, ((panel,), strided(k, 1, (0, 1, 2, 3)), at), (four,))
        else:
            for k in range(K):
                for l in range(min(LANES, rows - o)):
                    panels[panel, k, at + l] = matrix[o + l, first + k]
