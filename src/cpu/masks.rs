//! Byte masks over the cells of a grid: 1 where a condition holds.

use crate::rule::Boundary;

/// Calls `f` with the index of each byte that is not 0.
pub(super) fn for_each_set(bytes: &[u8], mut f: impl FnMut(usize)) {
    let (words, rest) = bytes.as_chunks::<8>();
    for (word, eight) in words.iter().enumerate().filter(|(_, eight)| u64::from_ne_bytes(**eight) != 0) {
        (0..8).filter(|&i| eight[i] != 0).for_each(|i| f(word * 8 + i));
    }
    let start = words.len() * 8;
    (0..rest.len()).filter(|&i| rest[i] != 0).for_each(|i| f(start + i));
}

/// Sets `out[cell]` to the bitwise OR of the 3x3 neighborhood of `cell`. `rows` is working memory.
pub(super) fn dilate(mask: &[u8], (w, h): (usize, usize), boundary: Boundary, rows: &mut Vec<u8>, out: &mut Vec<u8>) {
    rows.clear();
    rows.resize(mask.len(), 0);
    for (row, out) in mask.chunks_exact(w).zip(rows.chunks_exact_mut(w)) {
        let beyond = |x, dx| boundary.shift(x, dx, w).map_or(0, |x| row[x]);
        for x in [0, w - 1] {
            out[x] = beyond(x, -1) | row[x] | beyond(x, 1);
        }
        if w > 2 {
            let threes = row.iter().zip(&row[1..]).zip(&row[2..]);
            out[1..w - 1].iter_mut().zip(threes).for_each(|(out, ((a, b), c))| *out = a | b | c);
        }
    }
    out.clone_from(rows);
    for (y, out) in out.chunks_exact_mut(w).enumerate() {
        for dy in [-1, 1] {
            if let Some(y) = boundary.shift(y, dy, h) {
                out.iter_mut().zip(&rows[y * w..][..w]).for_each(|(out, row)| *out |= row);
            }
        }
    }
}

/// The 3x3 neighborhood of a cell, including the cell.
#[inline]
pub(super) fn neighbours(cell: usize, (w, h): (usize, usize), boundary: Boundary) -> impl Iterator<Item = usize> {
    let shifts = move |at, len| [-1, 0, 1].into_iter().filter_map(move |delta| boundary.shift(at, delta, len));
    shifts(cell / w, h).flat_map(move |y| shifts(cell % w, w).map(move |x| y * w + x))
}
