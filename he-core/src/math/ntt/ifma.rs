//! The transform with AVX-512 IFMA: 52-bit products, eight words a vector.
//!
//! Notation: layer `l` (forward: 0 first) joins words `N / 2^(l+1)` apart, in `2^l` blocks, each with one twiddle `w` and its quotient
//! `w' = floor(w 2^52 / q)`. Forward values stay in `[0, 4q)`, inverse ones in `[0, 2q)`, both below `2^52`, and are reduced once at the
//! end (D. Harvey, "Faster arithmetic for number-theoretic transforms", 2014). Below `2^45` forward values are not reduced before
//! that at all: each layer adds `2q`, so 20 layers stay below `41q`, and their doubles below `2^52`.
//!
//! Three things make it faster than a loop over layers: passes of two or three layers that keep 4 or 8 vectors in registers, so memory
//! is read and written once a pass; one pass for the last six layers, on 64 words held in eight registers, the last three after an 8x8
//! transposition; and twiddles packed in the order in which these passes read them.

mod tables;

use crate::math::kernels::lanes::{Factor, Lanes, load, splat, store, subtract_once};
use crate::math::modulus::{Modulus, Shoup};
use std::arch::x86_64::*;
pub(super) use tables::Tables;
use tables::{Step, TILE, TILE_TWIDDLES};

/// Moduli of at most this many bits need no reductions between the forward layers.
const LAZY_BITS: u32 = 45;

/// Tiles between the one worked on and the one fetched: memory answers in the time of several, and the nearest cache has no room for as
/// many.
const AHEAD: usize = 10;

impl Tables {
    /// Coefficients to values.
    pub(super) fn forward(&self, limb: &mut [u64]) {
        assert_eq!(limb.len(), self.n, "a limb has the ring's length");
        // SAFETY: the constructor found the instructions, and `limb` has `n` words, which the twiddles were packed for.
        unsafe {
            match self.q.bits() <= LAZY_BITS {
                true => forward::<true>(self, limb.as_mut_ptr()),
                false => forward::<false>(self, limb.as_mut_ptr()),
            }
        }
    }

    /// Values to coefficients, times `scale`.
    pub(super) fn inverse(&self, limb: &mut [u64], scale: u64) {
        assert_eq!(limb.len(), self.n, "a limb has the ring's length");
        let limb = limb.as_mut_ptr();
        // SAFETY: the constructor found the instructions, and `limb` has `n` words, which the twiddles were packed for.
        unsafe { inverse(self, limb, limb, self.last(scale)) }
    }

    /// Values to coefficients, times `scale`, elsewhere.
    pub(super) fn inverse_to(&self, limb: &mut [u64], values: &[u64], scale: u64) {
        assert!(
            limb.len() == self.n && values.len() == self.n,
            "a limb has the ring's length"
        );
        // SAFETY: as in `inverse`.
        unsafe { inverse(self, limb.as_mut_ptr(), values.as_ptr(), self.last(scale)) }
    }

    fn last(&self, scale: u64) -> [Shoup; 2] {
        self.last.map(|w| self.q.shoup(self.q.mul(w, scale)))
    }
}

/// The two butterflies.
impl Lanes {
    /// `(x + y w, x - y w)`, all in `[0, 4q)` or, if `LAZY`, `2q` above `x`; of `y` only the lower 52 bits count.
    /// Without `MASK`, so it is for the results.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn forward<const LAZY: bool, const MASK: bool>(
        &self,
        x: __m512i,
        y: __m512i,
        w: __m512i,
        quotient: __m512i,
    ) -> (__m512i, __m512i) {
        let u = if LAZY { x } else { subtract_once(x, self.q2) };
        let sum = self.mul_add(u, y, w, quotient);
        let sum = if MASK {
            _mm512_and_si512(sum, self.mask)
        } else {
            sum
        };
        // x - y w = 2 x - (x + y w); a product by 2 does the addition of 2q as well.
        let double = _mm512_madd52lo_epu64(self.q2, u, self.two);
        (sum, _mm512_sub_epi64(double, sum))
    }

    /// `(x + y, (x - y) w)`, all in `[0, 2q)`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn inverse(&self, x: __m512i, y: __m512i, w: __m512i, quotient: __m512i) -> (__m512i, __m512i) {
        let difference = _mm512_add_epi64(_mm512_sub_epi64(x, y), self.q2);
        (
            subtract_once(_mm512_add_epi64(x, y), self.q2),
            self.mul(difference, w, quotient),
        )
    }
}

/// A range of layers on `$count` vectors; `$twiddle(j)` gives twiddle `j` of 1 + 2 + 4 and its quotient.
macro_rules! layers {
    (forward $lazy:ident, $lanes:ident, $v:ident, $layers:expr, $count:expr, $twiddle:expr) => {
        for layer in $layers {
            let half = $count >> (layer + 1);
            for block in 0..1usize << layer {
                let (w, quotient) = $twiddle((1 << layer) - 1 + block);
                for j in 2 * half * block..2 * half * block + half {
                    // The next layer multiplies the second half of each half: there the upper bits do not count.
                    ($v[j], $v[j + half]) = if half > 1 && (j & (half / 2)) != 0 {
                        $lanes.forward::<$lazy, false>($v[j], $v[j + half], w, quotient)
                    } else {
                        $lanes.forward::<$lazy, true>($v[j], $v[j + half], w, quotient)
                    };
                }
            }
        }
    };
    (inverse $lanes:ident, $v:ident, $layers:expr, $count:expr, $twiddle:expr) => {
        for layer in ($layers).rev() {
            let half = $count >> (layer + 1);
            for block in 0..1usize << layer {
                let (w, quotient) = $twiddle((1 << layer) - 1 + block);
                for j in 2 * half * block..2 * half * block + half {
                    ($v[j], $v[j + half]) = $lanes.inverse($v[j], $v[j + half], w, quotient);
                }
            }
        }
    };
}

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

/// `LAYERS` layers, `COUNT = 2^LAYERS`, on `blocks` blocks that follow one another, each of `COUNT` columns of `stride` words.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward_pass<const LAYERS: usize, const COUNT: usize, const LAZY: bool>(
    lanes: Lanes,
    data: *mut u64,
    stride: usize,
    blocks: usize,
    mut twiddles: *const u64,
) {
    for block in 0..blocks {
        // SAFETY: the caller gives `blocks` blocks of COUNT columns of `stride` words, and COUNT - 1 twiddles and as many quotients for
        // each block.
        unsafe {
            let start = data.add(block * COUNT * stride);
            let word = |j: usize| splat(*twiddles.add(j));
            let w: [__m512i; COUNT] = std::array::from_fn(|j| if j + 1 < COUNT { word(j) } else { lanes.q });
            let quotients: [__m512i; COUNT] = std::array::from_fn(|j| {
                if j + 1 < COUNT {
                    word(COUNT - 1 + j)
                } else {
                    lanes.q
                }
            });
            for column in (0..stride).step_by(8) {
                let at = start.add(column);
                let mut v: [__m512i; COUNT] = [lanes.q; COUNT];
                for (j, v) in v.iter_mut().enumerate() {
                    *v = load(at.add(j * stride));
                }
                layers!(forward LAZY, lanes, v, 0..LAYERS, COUNT, |j: usize| (w[j], quotients[j]));
                for (j, v) in v.into_iter().enumerate() {
                    store(at.add(j * stride), v);
                }
            }
            twiddles = twiddles.add(2 * (COUNT - 1));
        }
    }
}

/// The inverse of [`forward_pass`]. With `last`, layer 0 multiplies both of its outputs, by these two words, and reduces them fully.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn inverse_pass<const LAYERS: usize, const COUNT: usize, const LAST: bool>(
    lanes: Lanes,
    data: *mut u64,
    stride: usize,
    blocks: usize,
    mut twiddles: *const u64,
    last: [Shoup; 2],
) {
    let last = [Factor::new(last[0]), Factor::new(last[1])];
    for block in 0..blocks {
        // SAFETY: as in `forward_pass`.
        unsafe {
            let start = data.add(block * COUNT * stride);
            let word = |j: usize| splat(*twiddles.add(j));
            let w: [__m512i; COUNT] = std::array::from_fn(|j| if j + 1 < COUNT { word(j) } else { lanes.q });
            let quotients: [__m512i; COUNT] = std::array::from_fn(|j| {
                if j + 1 < COUNT {
                    word(COUNT - 1 + j)
                } else {
                    lanes.q
                }
            });
            for column in (0..stride).step_by(8) {
                let at = start.add(column);
                let mut v: [__m512i; COUNT] = [lanes.q; COUNT];
                for (j, v) in v.iter_mut().enumerate() {
                    *v = load(at.add(j * stride));
                }
                layers!(inverse lanes, v, (LAST as usize)..LAYERS, COUNT, |j: usize| (w[j], quotients[j]));
                if LAST {
                    for j in 0..COUNT / 2 {
                        let sum = _mm512_add_epi64(v[j], v[j + COUNT / 2]);
                        let difference = _mm512_add_epi64(_mm512_sub_epi64(v[j], v[j + COUNT / 2]), lanes.q2);
                        v[j] = lanes.mul_factor(sum, last[0]);
                        v[j + COUNT / 2] = lanes.mul_factor(difference, last[1]);
                    }
                }
                for (j, v) in v.into_iter().enumerate() {
                    store(at.add(j * stride), v);
                }
            }
            twiddles = twiddles.add(2 * (COUNT - 1));
        }
    }
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

/// The last six layers, tile by tile, and the full reduction.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward_tiles<const LAZY: bool>(
    lanes: Lanes,
    q: &Modulus,
    data: *mut u64,
    tiles: usize,
    twiddles: *const u64,
) {
    let one = Factor::new(q.shoup(1));
    for tile in 0..tiles {
        // SAFETY: the caller gives `tiles` tiles and TILE_TWIDDLES words of twiddles for each.
        unsafe {
            let at = data.add(tile * TILE);
            let scalars = twiddles.add(tile * TILE_TWIDDLES);
            prefetch(at, scalars);
            let vectors = scalars.add(16);
            let mut v: [__m512i; 8] = [lanes.q; 8];
            for (j, v) in v.iter_mut().enumerate() {
                *v = load(at.add(8 * j));
            }
            let word = |j: usize| splat(*scalars.add(j));
            layers!(forward LAZY, lanes, v, 0..3, 8, |j: usize| (word(j), word(7 + j)));
            v = transpose(v);
            layers!(forward LAZY, lanes, v, 0..3, 8, |j: usize| (load(vectors.add(8 * j)), load(vectors.add(56 + 8 * j))));
            for v in &mut v {
                *v = match LAZY {
                    true => lanes.mul_factor(*v, one),
                    false => subtract_once(subtract_once(*v, lanes.q2), lanes.q),
                };
            }
            v = transpose(v);
            for (j, v) in v.into_iter().enumerate() {
                store(at.add(8 * j), v);
            }
        }
    }
}

/// The first six layers of the inverse, tile by tile, from `values` to `data`, which may be the same.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn inverse_tiles(
    lanes: Lanes,
    data: *mut u64,
    values: *const u64,
    tiles: usize,
    twiddles: *const u64,
) {
    for tile in 0..tiles {
        // SAFETY: as in `forward_tiles`.
        unsafe {
            let from = values.add(tile * TILE);
            let scalars = twiddles.add(tile * TILE_TWIDDLES);
            prefetch(from, scalars);
            let vectors = scalars.add(16);
            let mut v: [__m512i; 8] = [lanes.q; 8];
            for (j, v) in v.iter_mut().enumerate() {
                *v = load(from.add(8 * j));
            }
            v = transpose(v);
            layers!(inverse lanes, v, 0..3, 8, |j: usize| (load(vectors.add(8 * j)), load(vectors.add(56 + 8 * j))));
            v = transpose(v);
            let word = |j: usize| splat(*scalars.add(j));
            layers!(inverse lanes, v, 0..3, 8, |j: usize| (word(j), word(7 + j)));
            let at = data.add(tile * TILE);
            for (j, v) in v.into_iter().enumerate() {
                store(at.add(8 * j), v);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward<const LAZY: bool>(tables: &Tables, data: *mut u64) {
    let lanes = Lanes::new(&tables.q);
    let start = tables.forward.limb(0).as_ptr();
    // SAFETY: `data` has `n` words (the caller's word); a step's words lie inside, and its twiddles were laid out by `pack`.
    unsafe {
        for step in &tables.steps {
            match *step {
                Step::Pass {
                    layers,
                    at,
                    stride,
                    blocks,
                    twiddles,
                } => {
                    let (data, twiddles) = (data.add(at), start.add(twiddles));
                    match layers {
                        1 => forward_pass::<1, 2, LAZY>(lanes, data, stride, blocks, twiddles),
                        2 => forward_pass::<2, 4, LAZY>(lanes, data, stride, blocks, twiddles),
                        _ => forward_pass::<3, 8, LAZY>(lanes, data, stride, blocks, twiddles),
                    }
                }
                Step::Tiles { at, tiles, twiddles } => {
                    forward_tiles::<LAZY>(lanes, &tables.q, data.add(at), tiles, start.add(twiddles));
                }
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn inverse(tables: &Tables, data: *mut u64, values: *const u64, last: [Shoup; 2]) {
    let lanes = Lanes::new(&tables.q);
    let start = tables.inverse.limb(0).as_ptr();
    // SAFETY: as in `forward`; so are the words of `values`, which the tiles move to `data` before anything else reads them there.
    unsafe {
        let passes = tables.inverse_steps.len();
        for (i, step) in tables.inverse_steps.iter().enumerate() {
            match *step {
                Step::Pass {
                    layers,
                    at,
                    stride,
                    blocks,
                    twiddles,
                } => {
                    let (data, twiddles) = (data.add(at), start.add(twiddles));
                    match (layers, i + 1 == passes) {
                        (1, _) => inverse_pass::<1, 2, true>(lanes, data, stride, blocks, twiddles, last),
                        (2, true) => inverse_pass::<2, 4, true>(lanes, data, stride, blocks, twiddles, last),
                        (2, false) => {
                            inverse_pass::<2, 4, false>(lanes, data, stride, blocks, twiddles, last)
                        }
                        (_, true) => inverse_pass::<3, 8, true>(lanes, data, stride, blocks, twiddles, last),
                        (_, false) => {
                            inverse_pass::<3, 8, false>(lanes, data, stride, blocks, twiddles, last)
                        }
                    }
                }
                Step::Tiles { at, tiles, twiddles } => {
                    inverse_tiles(lanes, data.add(at), values.add(at), tiles, start.add(twiddles))
                }
            }
        }
    }
}
