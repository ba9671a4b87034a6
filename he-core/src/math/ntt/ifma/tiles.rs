//! The six layers on tiles of 64 words: eight vectors, three layers before a transposition and three behind it.

use super::EACH_LAYER;
use super::tables::{TILE, TILE_TWIDDLES};
use crate::math::kernels::lanes::{Factor, Lanes, load, splat, store, subtract_once};
use crate::math::modulus::Modulus;
use std::arch::x86_64::*;

/// Tiles between the one worked on and the one fetched: memory answers in the time of several, and the nearest cache has no room for as
/// many.
const AHEAD: usize = 10;

/// Swaps rows and columns of eight vectors of eight words.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(v: [__m512i; 8]) -> [__m512i; 8] {
    let low = |a, b| _mm512_unpacklo_epi64(a, b);
    let high = |a, b| _mm512_unpackhi_epi64(a, b);
    // Pairs of rows within 128 bits, then 128-bit columns of four rows, then of eight.
    let a = [
        low(v[0], v[1]),
        high(v[0], v[1]),
        low(v[2], v[3]),
        high(v[2], v[3]),
        low(v[4], v[5]),
        high(v[4], v[5]),
        low(v[6], v[7]),
        high(v[6], v[7]),
    ];
    let even = |a, b| _mm512_shuffle_i64x2::<0x88>(a, b);
    let odd = |a, b| _mm512_shuffle_i64x2::<0xdd>(a, b);
    let b = [
        even(a[0], a[2]),
        even(a[1], a[3]),
        odd(a[0], a[2]),
        odd(a[1], a[3]),
        even(a[4], a[6]),
        even(a[5], a[7]),
        odd(a[4], a[6]),
        odd(a[5], a[7]),
    ];
    [
        even(b[0], b[4]),
        even(b[1], b[5]),
        even(b[2], b[6]),
        even(b[3], b[7]),
        odd(b[0], b[4]),
        odd(b[1], b[5]),
        odd(b[2], b[6]),
        odd(b[3], b[7]),
    ]
}

/// Fetches the data and twiddles of a later tile: the streams cross pages, where the hardware's own prefetching ends.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(data: *const u64, twiddles: *const u64) {
    for line in (0..TILE_TWIDDLES).step_by(8) {
        _mm_prefetch::<_MM_HINT_T1>(twiddles.wrapping_add(AHEAD * TILE_TWIDDLES + line).cast());
    }
    for line in (0..TILE).step_by(8) {
        _mm_prefetch::<_MM_HINT_T1>(data.wrapping_add(AHEAD * TILE + line).cast());
    }
}

/// The twiddles of a tile: 7 words and 7 quotients for the layers on whole vectors, then 7 vectors of each.
#[derive(Clone, Copy)]
struct TileTwiddles(*const u64);

impl TileTwiddles {
    /// Of a layer on whole vectors.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn word(self, j: usize) -> (__m512i, __m512i) {
        // SAFETY: the caller gives TILE_TWIDDLES words.
        unsafe { (splat(*self.0.add(j)), splat(*self.0.add(7 + j))) }
    }

    /// Of a layer behind the transposition.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn vector(self, j: usize) -> (__m512i, __m512i) {
        // SAFETY: as above.
        unsafe { (load(self.0.add(16 + 8 * j)), load(self.0.add(72 + 8 * j))) }
    }
}

/// The first three layers of a tile, from memory.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward_rows<const REDUCTIONS: u8>(
    lanes: Lanes,
    at: *const u64,
    twiddles: TileTwiddles,
) -> [__m512i; 8] {
    // SAFETY: the caller gives a tile and its twiddles.
    unsafe {
        prefetch(at, twiddles.0);
        let mut v: [__m512i; 8] = [lanes.q; 8];
        for (j, v) in v.iter_mut().enumerate() {
            *v = load(at.add(8 * j));
        }
        layers!(forward REDUCTIONS, lanes, v, 0..3, 8, |j: usize| twiddles.word(j));
        v
    }
}

/// The last three layers of a transposed tile, and the full reduction.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward_columns<const REDUCTIONS: u8>(
    lanes: Lanes,
    one: Factor,
    mut v: [__m512i; 8],
    twiddles: TileTwiddles,
) -> [__m512i; 8] {
    // SAFETY: as above.
    unsafe {
        layers!(forward REDUCTIONS, lanes, v, 0..3, 8, |j: usize| twiddles.vector(j));
    }
    for v in &mut v {
        *v = match REDUCTIONS {
            EACH_LAYER => subtract_once(subtract_once(*v, lanes.q2), lanes.q),
            _ => lanes.mul_factor(*v, one),
        };
    }
    v
}

/// Eight vectors that follow one another.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store_tile(at: *mut u64, v: [__m512i; 8]) {
    for (j, v) in v.into_iter().enumerate() {
        // SAFETY: the caller gives a tile.
        unsafe { store(at.add(8 * j), v) }
    }
}

/// The last six layers, on an even number of tiles. Two of them are worked on at a time, half a tile apart: while one is transposed, the
/// units that multiply have the other.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) unsafe fn forward_tiles<const REDUCTIONS: u8>(
    lanes: Lanes,
    q: &Modulus,
    data: *mut u64,
    tiles: usize,
    twiddles: *const u64,
) {
    let one = Factor::new(q.shoup(1));
    let of = |tile: usize| TileTwiddles(twiddles.wrapping_add(tile * TILE_TWIDDLES));
    let at = |tile: usize| data.wrapping_add(tile * TILE);
    // SAFETY: the caller gives `tiles` tiles, an even number, and TILE_TWIDDLES words of twiddles for each.
    unsafe {
        let mut even = forward_rows::<REDUCTIONS>(lanes, at(0), of(0));
        for tile in (0..tiles).step_by(2) {
            even = transpose(even);
            let mut odd = forward_rows::<REDUCTIONS>(lanes, at(tile + 1), of(tile + 1));
            odd = transpose(odd);
            even = forward_columns::<REDUCTIONS>(lanes, one, even, of(tile));
            store_tile(at(tile), transpose(even));
            odd = forward_columns::<REDUCTIONS>(lanes, one, odd, of(tile + 1));
            store_tile(at(tile + 1), transpose(odd));
            if tile + 2 < tiles {
                even = forward_rows::<REDUCTIONS>(lanes, at(tile + 2), of(tile + 2));
            }
        }
    }
}

/// The first three layers of the inverse of a tile, transposed before and after.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn inverse_columns(lanes: Lanes, mut v: [__m512i; 8], twiddles: TileTwiddles) -> [__m512i; 8] {
    // SAFETY: the caller gives the twiddles of a tile.
    unsafe {
        layers!(inverse lanes, v, 0..3, 8, |j: usize| twiddles.vector(j));
    }
    v
}

/// The next three layers of the inverse of a tile.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn inverse_rows(lanes: Lanes, mut v: [__m512i; 8], twiddles: TileTwiddles) -> [__m512i; 8] {
    // SAFETY: as above.
    unsafe {
        layers!(inverse lanes, v, 0..3, 8, |j: usize| twiddles.word(j));
    }
    v
}

/// A tile, transposed.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_columns(lanes: Lanes, from: *const u64, twiddles: TileTwiddles) -> [__m512i; 8] {
    // SAFETY: the caller gives a tile.
    unsafe {
        prefetch(from, twiddles.0);
        let mut v: [__m512i; 8] = [lanes.q; 8];
        for (j, v) in v.iter_mut().enumerate() {
            *v = load(from.add(8 * j));
        }
        transpose(v)
    }
}

/// The first six layers of the inverse, from `values` to `data`, which may be the same; in pairs as [`forward_tiles`].
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) unsafe fn inverse_tiles(
    lanes: Lanes,
    data: *mut u64,
    values: *const u64,
    tiles: usize,
    twiddles: *const u64,
) {
    let of = |tile: usize| TileTwiddles(twiddles.wrapping_add(tile * TILE_TWIDDLES));
    let at = |tile: usize| data.wrapping_add(tile * TILE);
    let from = |tile: usize| values.wrapping_add(tile * TILE);
    // SAFETY: as in `forward_tiles`.
    unsafe {
        let mut even = load_columns(lanes, from(0), of(0));
        for tile in (0..tiles).step_by(2) {
            let mut odd = load_columns(lanes, from(tile + 1), of(tile + 1));
            even = inverse_columns(lanes, even, of(tile));
            even = transpose(even);
            odd = inverse_columns(lanes, odd, of(tile + 1));
            odd = transpose(odd);
            store_tile(at(tile), inverse_rows(lanes, even, of(tile)));
            if tile + 2 < tiles {
                even = load_columns(lanes, from(tile + 2), of(tile + 2));
            }
            store_tile(at(tile + 1), inverse_rows(lanes, odd, of(tile + 1)));
        }
    }
}
