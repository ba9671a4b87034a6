//! Choice of the modulus chain: ring degree, scale, a size for every level, special primes.
//!
//! Levels where ciphertexts are multiplied take a prime of the scale's size; levels that only see products with plaintexts take a
//! smaller one, because weights need fewer bits than activations. The special primes are chosen so that key switches need the
//! fewest transforms, (b + 2)(l + k) summed over the levels, for b digits, l limbs and k special primes.

use he_core::params::{Chain, ChainSpec, Security};

use super::cost::LevelShape;

/// What a chain has to carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// For each level spent, first to last: whether ciphertexts are multiplied there.
    pub products: Vec<bool>,
    /// Largest absolute value of an output.
    pub largest: f64,
    /// Acceptable absolute error of an output.
    pub error: f64,
    /// Security.
    pub security: Security,
}

impl Demand {
    /// Bits of the base modulus above the scale: the largest value, and its sign. Slots that hold no output may hold somewhat larger
    /// sums; what must not wrap are the coefficients, each a mean over all slots.
    fn headroom_bits(&self) -> u32 {
        (PRIME_SHORTFALL * self.largest).log2().ceil().max(0.0) as u32 + 1
    }
}

/// Primes lie a little below their powers of two.
const PRIME_SHORTFALL: f64 = 1.01;
/// Scales below this lose more to rounding than any network bears.
const SCALE_BITS_MIN: f64 = 24.0;
/// A level has one prime of the scale's size, and primes have at most so many bits.
const SCALE_BITS_MAX: u32 = 50;
/// Bits by which a plaintext level is smaller than the scale. Rounding a weight at scale 2^w leaves an error of deviation
/// sqrt(N / 12) / 2^w in every slot, times the 2-norm of the inputs of a row; a rescale leaves N / (6 S) once. For rows of some
/// hundred inputs of size one the two meet two or three bits apart.
const PLAIN_MARGIN_BITS: u32 = 3;
/// What complex packing costs: parts are halves of sums with a conjugate.
const MERGE_BITS: f64 = 1.0;
/// Bits beyond the least scale that are taken where they cost no limb.
const SPARE_BITS: f64 = 6.0;
/// Most special primes looked at.
const SPECIAL_MAX: u32 = 8;
/// What a bit of scale below the wanted one is worth, as a share of the time.
const BIT_WORTH: f64 = 0.01;

/// The least scale, in bits, at which the errors of rounding stay within the demand.
///
/// A rescale leaves a slot error of deviation N / (6 S): coefficients round with variance (2N/3 + 1) / 12, slots gather N / 2 of
/// them. Ten deviations of it, relative to the largest value, must stay below the demanded share; each level then adds its own and
/// passes on those before it with some gain, taken as a quarter of a bit a level. The server derives the true bound from the weights.
fn least_scale_bits(log_n: u32, demand: &Demand) -> f64 {
    let rounding = (10.0 / 6.0 * f64::from(log_n).exp2()).log2();
    let share = (demand.largest / demand.error).log2();
    (rounding + share + demand.products.len() as f64 / 4.0 + MERGE_BITS).max(SCALE_BITS_MIN)
}

/// Chains for a ring of degree `2^log_n`, cheapest first; empty where nothing fits the cap.
pub fn chains(log_n: u32, demand: &Demand) -> Vec<Chain> {
    let cap = demand.security.cap_bits(log_n);
    let products = demand.products.iter().filter(|&&product| product).count() as u32;
    let plain = demand.products.len() as u32 - products;
    let least = least_scale_bits(log_n, demand).ceil();
    if least > f64::from(SCALE_BITS_MAX) {
        return vec![];
    }
    let least = least as u32;
    let wanted = least + SPARE_BITS as u32;
    let headroom = demand.headroom_bits();
    let mut sizes: Vec<(f64, ChainSpec)> = Vec::new();
    for special in 1..=SPECIAL_MAX {
        for special_bits in 26..=50 {
            let Some(room) = cap.checked_sub(special * special_bits + headroom) else {
                continue;
            };
            // scale + products * scale + plain * (scale - margin) <= room
            let scale = ((room + plain * PLAIN_MARGIN_BITS) / (1 + products + plain))
                .min(wanted)
                .min(SCALE_BITS_MAX);
            // Odd sizes only where they just hold the base modulus: a finer grid finds nothing else.
            let fits_base = special * special_bits == scale + headroom + DIGIT_MARGIN_BITS;
            if scale < least || special_bits % 2 == 1 && !fits_base {
                continue;
            }
            // What the scale leaves over goes to the weights, a bit a level in turn, the first levels first: errors made there pass
            // through all others.
            let used = (1 + products + plain) * scale - plain * PLAIN_MARGIN_BITS;
            let mut spare = (room - used).min(plain * PLAIN_MARGIN_BITS);
            let mut left = plain;
            let mut level_bits: Vec<u32> = Vec::with_capacity(demand.products.len());
            for &product in &demand.products {
                let extra = if product {
                    PLAIN_MARGIN_BITS
                } else {
                    spare.div_ceil(left).min(PLAIN_MARGIN_BITS)
                };
                if !product {
                    spare -= extra;
                    left -= 1;
                }
                level_bits.push(scale - PLAIN_MARGIN_BITS + extra);
            }
            level_bits.reverse();
            let spec = ChainSpec {
                log_n,
                base_bits: scale + headroom,
                level_bits,
                special_bits: vec![special_bits; special as usize],
                terminal_bits: vec![],
                log2_scale: f64::from(scale),
            };
            let lost = f64::from(wanted - scale) * BIT_WORTH;
            if let Some(transforms) = transforms(&spec) {
                sizes.push((transforms * (1.0 + lost), spec));
            }
        }
    }
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Small primes in large rings are rare: not every list of sizes has its primes.
    sizes
        .into_iter()
        .filter_map(|(_, spec)| spec.build_at(demand.security).ok())
        .take(1)
        .collect()
}

/// Bits by which a digit of a key switch stays below the special primes, so that its noise stays below the rounding that follows.
const DIGIT_MARGIN_BITS: u32 = 4;

/// Transforms of one key switch at every level, added up, for primes of nominal size. None if a single prime is too large a digit.
fn transforms(spec: &ChainSpec) -> Option<f64> {
    let split = |bits: u32| {
        if bits > 50 {
            vec![bits - bits / 2, bits / 2]
        } else {
            vec![bits]
        }
    };
    let primes: Vec<Vec<u32>> = std::iter::once(&spec.base_bits)
        .chain(&spec.level_bits)
        .map(|&bits| split(bits))
        .collect();
    let limit = spec
        .special_bits
        .iter()
        .sum::<u32>()
        .checked_sub(DIGIT_MARGIN_BITS)?;
    if primes.iter().flatten().any(|&bits| bits > limit) {
        return None;
    }
    let mut total = 0;
    for level in 1..primes.len().max(2) {
        let (mut digits, mut filled, mut limbs) = (1, 0, 0);
        for &bits in primes.iter().take(level + 1).flatten() {
            if filled > 0 && filled + bits > limit {
                digits += 1;
                filled = 0;
            }
            filled += bits;
            limbs += 1;
        }
        total += (digits + 2) * (limbs + spec.special_bits.len());
    }
    Some(total as f64)
}

/// The shape of one level, for estimates.
pub fn level_shape(chain: &Chain, level: usize) -> LevelShape {
    let own = chain
        .primes_of(level)
        .iter()
        .map(|&p| chain.primes()[usize::from(p)]);
    let primes = own.chain(chain.primes()[chain.q_count()..].iter().copied());
    let bits: u32 = primes.clone().map(|q| 64 - q.leading_zeros()).sum();
    let moved = |from: usize, to: usize| chain.without(from, to).count();
    let key_limbs = chain.reach(level) + chain.special_count();
    LevelShape {
        degree: chain.degree(),
        limbs: chain.limbs(level),
        dropped: if level == 0 { 0 } else { moved(level, level - 1) },
        returned: if level == 0 { 0 } else { moved(level - 1, level) },
        special: chain.special_count(),
        digits: chain.digit_count(level),
        key_words: 2 * chain.digits(level).len() * key_limbs * chain.degree(),
        word_bytes: f64::from(bits) / 8.0 / primes.count() as f64,
    }
}

#[cfg(test)]
mod tests {
    use he_core::params::presets;
    use he_core::program::count::{ChainShape, count};
    use he_core::program::{Builder, ChainView};

    use super::*;

    #[test]
    fn an_error_below_that_of_every_scale_has_no_chain() {
        for error in [1e-30, 1e-300, 5e-324] {
            let demand = Demand {
                products: vec![true, false],
                largest: 1e10,
                error,
                security: Security::Bits128,
            };
            assert_eq!(chains(15, &demand), [], "{error:e}");
        }
    }

    /// Where levels are not nested, a key also stands on primes that its level lacks.
    #[test]
    fn keys_of_every_level_have_the_bytes_that_are_counted() {
        let chain = presets::rational().build().unwrap();
        let lacking = |&level: &usize| chain.reach(level) > chain.limbs(level);
        assert!((1..=5).any(|level| lacking(&level)));
        for level in 1..=5 {
            let mut b = Builder::new(chain.slots() as u32, ChainView::from(&chain));
            let x = b.input("x", 1, level as u32).unwrap();
            let y = b.rotate_sum(x, &[vec![0, 1]]).unwrap();
            b.output("y", y);
            let counted = count(b.program(), &ChainShape::from(&chain)).resident_key_bytes as f64;
            // Words of the level's own primes are averaged.
            let found = level_shape(&chain, level).key_bytes() as f64;
            assert!(
                (found / counted - 1.0).abs() < 0.05,
                "level {level}: {found} of {counted}"
            );
        }
    }
}
