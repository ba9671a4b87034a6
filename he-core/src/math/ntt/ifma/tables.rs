//! Twiddles of the IFMA transform, in the order in which its passes read them.

use crate::math::buffer::Limbs;
use crate::math::cpu::Path;
use crate::math::modulus::Modulus;

/// Layers of the pass that works on 64 words in registers.
const TILE_LAYERS: u32 = 6;
/// Words of such a tile.
pub(super) const TILE: usize = 1 << TILE_LAYERS;
/// Words of a block that stays in the nearest cache, with its twiddles passing by.
const NEAR: usize = 1 << 11;
/// Words of twiddles for a tile: 7 and 7 quotients for three layers on whole vectors, padded to 16; 7 vectors and 7 of quotients.
pub(super) const TILE_TWIDDLES: usize = 16 + 2 * 7 * 8;

/// Twiddles of one ring degree and prime, in the order of use.
pub(in crate::math::ntt) struct Tables {
    pub(super) n: usize,
    pub(super) q: Modulus,
    /// In forward order; the first is a pass of one block.
    pub(super) steps: Vec<Step>,
    /// In the order of the inverse; the last is a pass of one block.
    pub(super) inverse_steps: Vec<Step>,
    pub(super) forward: Limbs,
    pub(super) inverse: Limbs,
    /// `N^-1`, and `N^-1` times the twiddle of the last inverse layer.
    pub(super) last: [u64; 2],
}

/// A part of a transform: what it works on, and the first of its twiddles.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// `layers` layers on the `blocks` blocks from word `at` on, each of `2^layers` columns of `stride` words.
    Pass {
        layers: u32,
        at: usize,
        stride: usize,
        blocks: usize,
        twiddles: usize,
    },
    /// The last six layers on `tiles` tiles, an even number, from word `at` on.
    Tiles {
        at: usize,
        tiles: usize,
        twiddles: usize,
    },
}

/// Passes over the whole limb until a block has at most [`NEAR`] words; then, block by block, what is left of it. The same for the
/// inverse, which begins with the blocks: upwards too, since what is prefetched comes in that order.
fn steps(n: usize, passes: &[u32]) -> [Vec<Step>; 2] {
    let tiles_at = (2 * (n / TILE - 1)).next_multiple_of(8);
    // `done` blocks before this pass: 2 (done - 1) words of twiddles were packed for those above.
    let pass = |layers: u32, done: usize, first: usize, blocks: usize| Step::Pass {
        layers,
        at: first * (n / done),
        stride: (n / done) >> layers,
        blocks,
        twiddles: 2 * (done - 1) + 2 * ((1 << layers) - 1) * first,
    };
    let (mut steps, mut inverse) = (vec![], vec![]);
    let (mut done, mut rest) = (1, passes);
    while let [layers, below @ ..] = rest
        && n / done > NEAR
    {
        steps.push(pass(*layers, done, 0, done));
        (done, rest) = (done << layers, below);
    }
    let over_all = steps.len();
    for block in 0..done {
        let (first, mut inner) = (steps.len(), done);
        for &layers in rest {
            steps.push(pass(layers, inner, block * (inner / done), inner / done));
            inner <<= layers;
        }
        let tiles = n / TILE / done;
        assert!(tiles.is_multiple_of(2), "tiles are transformed in pairs");
        steps.push(Step::Tiles {
            at: block * tiles * TILE,
            tiles,
            twiddles: tiles_at + block * tiles * TILE_TWIDDLES,
        });
        inverse.extend(steps[first..].iter().rev());
    }
    inverse.extend(steps[..over_all].iter().rev());
    [steps, inverse]
}

/// Splits the layers before the tiles into passes of three and two (one, if there is no more).
fn passes(layers: u32) -> Vec<u32> {
    match (layers, layers % 3) {
        (1, _) => vec![1],
        (_, 0) => vec![3; layers as usize / 3],
        (_, 2) => [vec![3; layers as usize / 3], vec![2]].concat(),
        _ => [vec![3; layers as usize / 3 - 1], vec![2, 2]].concat(),
    }
}

/// Lays the twiddles `of(m + i)` out in the order of use, pass by pass, then tile by tile.
fn pack(n: usize, q: &Modulus, passes: &[u32], of: impl Fn(usize) -> u64) -> Limbs {
    let mut words = Vec::with_capacity(3 * n);
    let both = |words: &mut Vec<u64>, ks: &[usize]| {
        words.extend(ks.iter().map(|&k| of(k)));
        words.extend(ks.iter().map(|&k| q.shoup(of(k)).quotient >> 12));
    };
    // The twiddles of `layers` layers below block `block` of the layer with `blocks` blocks.
    let below = |blocks: usize, block: usize, layers: u32| {
        (0..layers)
            .flat_map(|l| (0..1 << l).map(move |j| ((blocks + block) << l) + j))
            .collect::<Vec<_>>()
    };
    let mut blocks = 1;
    for &layers in passes {
        for block in 0..blocks {
            both(&mut words, &below(blocks, block, layers));
        }
        blocks <<= layers;
    }
    words.resize(words.len().next_multiple_of(8), 0);
    for tile in 0..blocks {
        both(&mut words, &below(blocks, tile, 3));
        words.extend([0; 2]);
        // After the transposition lane l holds the 8 words of block 8 tile + l.
        let lanes = (0..8)
            .map(|lane| below(8 * blocks, 8 * tile + lane, 3))
            .collect::<Vec<_>>();
        let vectors = (0..7)
            .flat_map(|j| lanes.iter().map(move |lane| lane[j]))
            .collect::<Vec<_>>();
        both(&mut words, &vectors);
    }
    let mut packed = Limbs::zeroed(words.len(), 1);
    packed.limb_mut(0).copy_from_slice(&words);
    packed
}

impl Tables {
    /// Tables for `psi`, a primitive `2n`-th root of 1; `None` if the machine lacks the instructions or `n` is below 128.
    pub(in crate::math::ntt) fn new(n: usize, q: Modulus, psi: u64) -> Option<Self> {
        if n <= TILE || !Path::Avx512.is_supported() {
            return None;
        }
        let log_n = n.trailing_zeros();
        let mut powers = Vec::with_capacity(n);
        let factor = q.shoup(psi);
        let mut power = 1;
        for _ in 0..n {
            powers.push(power);
            power = q.mul_shoup(power, factor);
        }
        // The twiddle of block i of the layer with m blocks is psi^brv(m + i); that of the inverse layer its inverse, -psi^(N - ..).
        let exponent = |k: usize| k.reverse_bits() >> (usize::BITS - log_n);
        let forward = |k: usize| powers[exponent(k)];
        let inverse = |k: usize| q.neg(powers[n - exponent(k)]);
        let passes = passes(log_n - TILE_LAYERS);
        let n_inverse = q.inv(n as u64)?;
        let [steps, inverse_steps] = steps(n, &passes);
        Some(Self {
            n,
            q,
            steps,
            inverse_steps,
            forward: pack(n, &q, &passes, forward),
            inverse: pack(n, &q, &passes, inverse),
            last: [n_inverse, q.mul(n_inverse, inverse(1))],
        })
    }
}
