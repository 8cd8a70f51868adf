"""Winograd's filtering: equations (35), (36) and (38) of docs/fast-convolution.md; (39) is in _winograd_grad_weight.py.

Tiles of m×m pixels of y are made from tiles of N×N pixels of x, N = m + 2. Tiles and kernels become N·N numbers each,
whose products, summed over channels, are y transformed: N·N multiplications for m·m pixels, where the formula has
9·m·m. At each of the N·N numbers the sums are a matrix product, in register blocks. ``sizes`` are tuples whose lengths
are the rows of a tile that is read, m, and N, so that each m is compiled for itself.

Transforms go between arrays (N, N, places, 16). A place is a tile of a channel, or 16 kernels, one a lane; their number
is odd (| 1), for numbers that lie a power of two apart share cache lines (a transform: 104 ns, not 21). Pixels that
come from far are fetched ahead of their turn (64 to 64 channels on 28×28: 2.5 ms, not 2.9).
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.conv2d._winograd_transforms import times_a, times_at, times_bt, times_g
from nbcnn.lanes import (
    LANES,
    add_products,
    add_sums,
    load,
    load_columns,
    load_each,
    prefetch,
    repeated,
    scalars,
    splat,
    start_sums,
    store,
    store_each,
    strided,
)


@kernel
def part(scratch, shape):
    """The first numbers of scratch as an array of ``shape``, and the scratch that is left."""
    size = shape[0] * shape[1] * shape[2] * LANES
    return scratch[:size].reshape((shape[0], shape[1], shape[2], LANES)), scratch[size:]


@kernel
def forth(row, wide):
    """Bᵀ row for pixels of x, A row for gradients of y."""
    if len(row) == len(wide):
        return times_bt(row)
    else:  # noqa: RET505
        return times_a(row)


@kernel
def transform_tiles(x, corner, v, places, room, sizes):
    """Some tiles of a channel of x, which are side by side, to v (N, N, places, 16): equation (35).

    corner: channel, row and column of x where the first tile begins, how many columns of x make a pixel, and which of
    these; places: how many tiles, where in v the first goes, and how far it is to the next.
    """
    c, top, left, every, image = corner
    half, edge = room
    count, place, to_next = places
    side, narrow, wide = sizes
    H, W = x.shape[1], x.shape[2] // every
    next_c, next_q = (min(c + 1, x.shape[0] - 1), 0) if every == 1 else (c, min(1, every - 1 - image))
    columns = (count - 1) * len(narrow) + len(side)
    first, stop = min(max(0, -left), columns), max(0, min(columns, W - left))
    above, below = max(0, -top), min(len(side), H - top)
    zero = splat(x.dtype.type(0))
    for j in range(first):
        store_each(half, ((j,), wide, 0), start_sums((x.dtype.type(0),), wide))
    for j in range(stop, columns):
        store_each(half, ((j,), wide, 0), start_sums((x.dtype.type(0),), wide))
    if above == 0 and below == len(side):
        for j in range(first, stop):
            q = (left + j) * every + image
            column = load_each(x, (c, strided(top, 1, side), q))
            prefetch(x, (next_c, strided(top, 1, side), q + next_q))
            store_each(half, ((j,), wide, 0), (forth(column, wide),))
    else:
        for i in range(len(side)):
            store(edge, (i, 0, 0), zero)
        for j in range(first, stop):
            q = (left + j) * every + image
            for i in range(above, below):
                store(edge, (i, 0, 0), load(x, (c, top + i, q)))
                prefetch(x, (next_c, top + i, (q + next_q,)))
            column = load_each(edge, (side, 0, 0))
            store_each(half, ((j,), wide, 0), (forth(column, wide),))
    for t in range(count):
        for i in range(len(wide)):
            row = load_each(half, (strided(t * len(narrow), 1, side), i, 0))
            store_each(v, ((i,), wide, place + t * to_next), (forth(row, wide),))


@kernel
def transform_sums(s, y, corner, b, room, sizes):
    """The sums of a tile in s (N, N, places, 16), with b added, to y (O, OH, OW): Aᵀ s A + b.

    corner: place in s; channel, row and column of y where the tile begins. As far as y goes.
    """
    (place, o, r, q), (half, pixels), (_, narrow, wide) = corner, room, sizes
    bias = start_sums((b,), narrow)
    for j in range(len(wide)):
        store_each(half, ((j,), narrow, 0), (times_at(load_each(s, (wide, j, place))),))
    if r + len(narrow) <= y.shape[1] and q + len(narrow) <= y.shape[2]:
        prefetch(y, (min(o + 1, y.shape[0] - 1), strided(r, 1, narrow), strided(q, 1, narrow)))
        for i in range(len(narrow)):
            row = times_at(load_each(half, (wide, i, 0)))
            store_each(y, ((o,), r + i, strided(q, 1, narrow)), add_sums((row,), bias))
    else:
        for i in range(len(narrow)):
            row = times_at(load_each(half, (wide, i, 0)))
            store_each(pixels, ((i,), narrow, 0), add_sums((row,), bias))
        for i in range(min(len(narrow), y.shape[1] - r)):
            for j in range(min(len(narrow), y.shape[2] - q)):
                store(y, (o, r + i, q + j), load(pixels, (i, j, 0)))


@kernel
def transform_weights(w, u, turned, half, small, sizes):
    """Kernels w (K, 9), turned around if need be, to u (N, N, places, 16), 16 at a place, one a lane: G w Gᵀ."""
    _, _, wide = sizes
    K, three, sixth = w.shape[0], (0, 1, 2), w.dtype.type(1 / 6)
    N = len(wide)
    small[:] = 0
    for first in range(0, K, LANES):
        if first + LANES <= K:
            for tap in (0, 4, 5):
                store_each(small, ((0,), strided(tap, 1, (0, 1, 2, 3)), 0), (load_columns(w, (first, tap)),))
        else:
            for tap in range(9):
                for l in range(K - first):
                    small[0, tap, 0, l] = w[first + l, tap]
        for k in range(3):
            start, step = (8 - k, -3) if turned else (k, 3)
            store_each(half, ((k,), wide, 0), (times_g(load_each(small, (0, strided(start, step, three), 0)), wide),))
        for i in range(N):
            row = times_g(load_each(half, (three, i, 0)), wide)
            store_each(u, ((i,), wide, first // LANES), (row,))
            if N == 6:
                outer = w.dtype.type(1) if i == 0 or i == 5 else sixth
                for j in range(N):
                    factor = outer if j == 0 or j == 5 else outer * sixth
                    at = i, j, first // LANES
                    store(u, at, load(u, at) * factor)


@kernel
def multiply(u, v, s, apart, block):
    """s (O, P) = u (O, K) times v (K, P), with lanes for numbers of v and s.

    u is flat: so far is it from a row to the next, and from a column.
    """
    (K, P), O, (to_row, to_column), (rows, columns) = v.shape[:2], s.shape[0], apart, block
    zeros = repeated(u.dtype.type(0), rows)
    for next_o in range(0, O, len(rows)):
        o = min(next_o, O - len(rows))
        for next_p in range(0, P, len(columns)):
            ps = strided(min(next_p, P - len(columns)), 1, columns)
            sums = start_sums(zeros, columns)
            for k in range(K):
                numbers = scalars(u, (strided(o * to_row + k * to_column, to_row, rows),))
                sums = add_products(sums, numbers, load_each(v, (k, ps)))
            store_each(s, (strided(o, 1, rows), ps), sums)


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, 3, 3), b (O,) -> y (O, OH, OW): equation (36); attributes as convolve's"""
    convolve(x, w, b, y, scratch, (False, attributes))


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/G, 3, 3) -> dx (C, H, W): equation (38); attributes as convolve's"""
    start = (dx.shape[0] + LANES - 1) // LANES * LANES
    zeros = scratch[: dx.shape[0]]
    zeros[:] = 0  # instead of a bias
    convolve(dy, w, zeros, dx, scratch[start:], (True, attributes))


@kernel
def convolve(x, w, b, y, scratch, numbers):
    """y (O, OH, OW) of x (C, H, W) and w (O, C/G, 3, 3); or of w (C, O/G, 3, 3), turned around.

    numbers: whether to turn w; and attributes of the problem: G, row and column of x at which the first window begins,
    rows and columns of tiles under way at once (where they don't come out even the last begin earlier), sizes, block.
    """
    turned, (groups, (top, left), (R, S), sizes, block) = numbers
    _, narrow, wide = sizes
    C, O, m, N = x.shape[0] // groups, y.shape[0] // groups, len(narrow), len(wide)
    OH, OW = y.shape[1:3]
    down, across = (OH + m - 1) // m, (OW + m - 1) // m
    T = R * S
    places = (O * C + LANES - 1) // LANES
    edge, scratch = part(scratch, (N, 1, 1))
    half, scratch = part(scratch, ((S - 1) * m + N, N, 1))
    pixels, scratch = part(scratch, (m, m, 1))
    small, scratch = part(scratch, (1, 9, 1))
    u, scratch = part(scratch, (N, N, places | 1))
    v, scratch = part(scratch, (N, N, C * T | 1))
    s, scratch = part(scratch, (N, N, O * T | 1))
    kernels = w.reshape((w.shape[0] * w.shape[1], 9))
    apart = (1, O) if turned else (C, 1)
    for g in range(groups):
        transform_weights(kernels[g * O * C : (g + 1) * O * C], u, turned, half, small, sizes)
        for next_i in range(0, down, R):
            ti = min(next_i, down - R)
            for next_j in range(0, across, S):
                tj = min(next_j, across - S)
                for c in range(C):
                    for i in range(R):
                        corner = g * C + c, (ti + i) * m + top, tj * m + left, 1, 0
                        transform_tiles(x, corner, v, (S, c * T + i * S, 1), (half, edge), sizes)
                for p in range(N):
                    for q in range(N):
                        flat = u[p, q].reshape(u.shape[2] * LANES)
                        tiles = v[p, q, : C * T].reshape((C, T, LANES))
                        multiply(flat, tiles, s[p, q, : O * T].reshape((O, T, LANES)), apart, block)
                for o in range(O):
                    for i in range(R):
                        for j in range(S):
                            corner = o * T + i * S + j, g * O + o, (ti + i) * m, (tj + j) * m
                            transform_sums(s, y, corner, b[g * O + o], (half, pixels), sizes)
