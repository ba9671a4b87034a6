//! The transform with AVX-512 IFMA: 52-bit products, eight words a vector.
//!
//! Notation: layer `l` (forward: 0 first) joins words `N / 2^(l+1)` apart, in `2^l` blocks, each with one twiddle `w` and its quotient
//! `w' = floor(w 2^52 / q)`. Inverse values stay in `[0, 2q)`, forward ones below `2^52`, and are reduced once at the end (D. Harvey,
//! "Faster arithmetic for number-theoretic transforms", 2014). Each forward layer adds `2q`: values are brought below `2q` in front of
//! every layer if `4q` is what has room, below `8q` in front of every pass where `14q` has, and never where all layers have.
//!
//! Three things make it faster than a loop over layers: passes of two or three layers that keep 4 or 8 vectors in registers, so memory
//! is read and written once a pass; one pass for the last six layers, on 64 words held in eight registers, the last three after an 8x8
//! transposition; and twiddles packed in the order in which these passes read them.

mod tables;

use crate::math::kernels::lanes::{Factor, Lanes, load, splat, store, subtract_once};
use crate::math::modulus::Shoup;
use std::arch::x86_64::*;
use tables::Step;
pub(super) use tables::Tables;
use tiles::{forward_tiles, inverse_tiles};

/// When forward values are reduced: at the end only, in front of each pass and of each half of a tile, or in front of each layer.
const AT_END: u8 = 0;
const EACH_PASS: u8 = 1;
const EACH_LAYER: u8 = 2;

/// Layers that a pass or half of a tile has at most.
const PASS_LAYERS: u64 = 3;

impl Tables {
    /// Coefficients to values.
    pub(super) fn forward(&self, limb: &mut [u64]) {
        assert_eq!(limb.len(), self.n, "a limb has the ring's length");
        // SAFETY: the constructor found the instructions, and `limb` has `n` words, which the twiddles were packed for.
        unsafe {
            match self.reductions() {
                AT_END => forward::<AT_END>(self, limb.as_mut_ptr()),
                EACH_PASS => forward::<EACH_PASS>(self, limb.as_mut_ptr()),
                _ => forward::<EACH_LAYER>(self, limb.as_mut_ptr()),
            }
        }
    }

    /// The fewest reductions that keep forward values below `2^52`.
    fn reductions(&self) -> u8 {
        let room = (1 << 52) / self.q.value();
        let layers = u64::from(self.n.trailing_zeros());
        if room > 2 * layers {
            AT_END
        } else if room >= 8 + 2 * PASS_LAYERS {
            EACH_PASS
        } else {
            EACH_LAYER
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
    /// `(u + y w, u - y w)`, at most `2q` above `u`; of `y` only the lower 52 bits count. Without `MASK`, so it is for the first result.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn forward<const MASK: bool>(
        &self,
        u: __m512i,
        y: __m512i,
        w: __m512i,
        quotient: __m512i,
    ) -> (__m512i, __m512i) {
        let sum = self.mul_add(u, y, w, quotient);
        let sum = if MASK {
            _mm512_and_si512(sum, self.mask)
        } else {
            sum
        };
        // u - y w = 2 u - (u + y w). Additions, since products and minima share two of this kernel's four units.
        let double = _mm512_add_epi64(_mm512_add_epi64(u, u), self.q2);
        (sum, _mm512_sub_epi64(double, sum))
    }

    /// What a layer begins with: a value of the first half, reduced as far as `REDUCTIONS` says.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn reduced<const REDUCTIONS: u8>(&self, x: __m512i, is_first: bool) -> __m512i {
        match REDUCTIONS {
            EACH_LAYER => subtract_once(x, self.q2),
            EACH_PASS if is_first => subtract_once(x, _mm512_slli_epi64::<2>(self.q2)),
            _ => x,
        }
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
    (forward $reductions:ident, $lanes:ident, $v:ident, $layers:expr, $count:expr, $twiddle:expr) => {
        for layer in $layers {
            let half = $count >> (layer + 1);
            for block in 0..1usize << layer {
                let (w, quotient) = $twiddle((1 << layer) - 1 + block);
                for j in 2 * half * block..2 * half * block + half {
                    let u = $lanes.reduced::<$reductions>($v[j], layer == 0);
                    // The next layer multiplies the second half of each half: there the upper bits do not count.
                    ($v[j], $v[j + half]) = if half > 1 && (j & (half / 2)) != 0 {
                        $lanes.forward::<false>(u, $v[j + half], w, quotient)
                    } else {
                        $lanes.forward::<true>(u, $v[j + half], w, quotient)
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

// Behind the macro, which it uses.
mod tiles;

/// `LAYERS` layers, `COUNT = 2^LAYERS`, on `blocks` blocks that follow one another, each of `COUNT` columns of `stride` words.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward_pass<const LAYERS: usize, const COUNT: usize, const REDUCTIONS: u8>(
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
                layers!(forward REDUCTIONS, lanes, v, 0..LAYERS, COUNT, |j: usize| (w[j], quotients[j]));
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

#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn forward<const REDUCTIONS: u8>(tables: &Tables, data: *mut u64) {
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
                        1 => forward_pass::<1, 2, REDUCTIONS>(lanes, data, stride, blocks, twiddles),
                        2 => forward_pass::<2, 4, REDUCTIONS>(lanes, data, stride, blocks, twiddles),
                        _ => forward_pass::<3, 8, REDUCTIONS>(lanes, data, stride, blocks, twiddles),
                    }
                }
                Step::Tiles { at, tiles, twiddles } => {
                    forward_tiles::<REDUCTIONS>(lanes, &tables.q, data.add(at), tiles, start.add(twiddles));
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
