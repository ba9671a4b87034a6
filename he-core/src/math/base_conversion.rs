//! From residues modulo some primes to residues modulo others, exactly and centred.
//!
//! Notation: sources `q_i` with product `Q`, destinations `p_j`, `x` in `[0, Q)` given by `x_i = x mod q_i`. With
//! `y_i = x_i (Q/q_i)^-1 mod q_i`, the sum of `y_i Q/q_i` is `x + v' Q`, and `v = round(sum of y_i/q_i)` makes
//!
//! ```text
//! sum of y_i [Q/q_i]_p  -  v [Q]_p  =  the representative of x in [-Q/2, Q/2)   (mod p)
//! ```
//!
//! `v` is computed in double precision (S. Halevi, Y. Polyakov, V. Shoup, "An improved RNS variant of the BFV homomorphic encryption
//! scheme", 2019, section 2.2). Rounding to nearest instead of downward gives the centred representative without the usual passes that
//! add and subtract `Q/2`. The result is exact unless `x` is within `Q |I| 2^-48` of `Q/2`; there it may be the other neighbour of
//! `Q/2`, which is one more multiple of `Q`: harmless, and the same on every path, since products and sums are rounded in a fixed order.

use super::kernels::{Kernels, Lifted, WeightedSums};
use super::modulus::Modulus;
use super::tally::{self, Work};

/// Words of the sources of one block: they must stay in the nearest cache together with some destinations.
const SOURCE_WORDS: usize = 2048;

/// The constants of one conversion.
#[derive(Clone, Debug)]
pub struct BaseConversion {
    sources: Vec<Modulus>,
    destinations: Vec<Modulus>,
    /// `(Q/q_i)^-1 mod q_i`.
    premultipliers: Vec<u64>,
    /// `1/q_i`.
    inverses: Vec<f64>,
    /// For each destination: `Q/q_i mod p` for each source, then `-Q mod p`, the weight of `v`, all times the destination's factor.
    weights: Vec<u64>,
    /// The same for each destination as the kernels of few sources take it; empty for many sources.
    lifted: Vec<Lifted>,
}

impl BaseConversion {
    /// From residues modulo `sources` to residues modulo `destinations`. The two may overlap.
    ///
    /// # Panics
    /// If there is no source, more than 1000 of them, or two are the same.
    pub fn new(sources: &[Modulus], destinations: &[Modulus]) -> Self {
        Self::weighted(sources, destinations, &vec![1; destinations.len()])
    }

    /// [`new`](Self::new), each result times a factor of its destination.
    ///
    /// # Panics
    /// As [`new`](Self::new), and if there is not a factor for each destination.
    pub fn weighted(sources: &[Modulus], destinations: &[Modulus], factors: &[u64]) -> Self {
        assert_eq!(factors.len(), destinations.len(), "factors");
        assert!(
            (1..=1000).contains(&sources.len()),
            "a base conversion takes 1 to 1000 sources, not {}",
            sources.len()
        );
        let product_without = |m: &Modulus, skip: Option<usize>| {
            let others = sources.iter().enumerate().filter(|(i, _)| Some(*i) != skip);
            others.fold(m.reduce(1), |product, (_, q)| m.mul(product, q.value()))
        };
        let premultiplier = |(i, q): (usize, &Modulus)| {
            let inverse = q.inv(product_without(q, Some(i)));
            assert!(inverse.is_some(), "source {} stands twice", q.value());
            inverse.unwrap_or(0)
        };
        let weights_of = |(p, &factor): (&Modulus, &u64)| {
            let mut weights = (0..sources.len())
                .map(|i| p.mul(product_without(p, Some(i)), factor))
                .collect::<Vec<_>>();
            weights.push(p.neg(p.mul(product_without(p, None), factor)));
            weights
        };
        let weights: Vec<u64> = destinations.iter().zip(factors).flat_map(weights_of).collect();
        let lifted = destinations
            .iter()
            .zip(weights.chunks_exact(sources.len() + 1))
            .filter_map(|(p, weights)| Lifted::new(p, weights))
            .collect();
        Self {
            sources: sources.to_vec(),
            destinations: destinations.to_vec(),
            premultipliers: sources.iter().enumerate().map(premultiplier).collect(),
            inverses: sources.iter().map(|q| 1.0 / q.value() as f64).collect(),
            weights,
            lifted,
        }
    }

    /// `(Q/q_i)^-1 mod q_i`, what coefficients modulo source `i` are multiplied with before they are converted.
    pub fn premultiplier(&self, i: usize) -> u64 {
        self.premultipliers[i]
    }

    /// The primes converted from.
    pub fn sources(&self) -> &[Modulus] {
        &self.sources
    }

    /// The primes converted to.
    pub fn destinations(&self) -> &[Modulus] {
        &self.destinations
    }

    /// Converts coefficients: `y[i]`, coefficients modulo the i-th source times [`Self::premultiplier`], which an inverse transform does
    /// on its way, to `dst[j]` modulo the j-th destination.
    ///
    /// # Panics
    /// If the number of limbs or a length is wrong.
    pub fn convert(&self, kernels: &Kernels, y: &[&[u64]], dst: &mut [&mut [u64]]) {
        assert_eq!(y.len(), self.sources.len(), "sources");
        assert_eq!(dst.len(), self.destinations.len(), "destinations");
        let n = y[0].len();
        tally::add(Work::ConversionWord, y.len() * dst.len() * n);
        assert!(
            y.iter().all(|limb| limb.len() == n) && dst.iter().all(|limb| limb.len() == n),
            "limbs differ in length"
        );
        if dst.is_empty() {
            return;
        }
        let block = (SOURCE_WORDS / (y.len() + 1) / 32 * 32).clamp(32, 512);
        let mut quotients = vec![0; block];
        for at in (0..n).step_by(block) {
            let len = block.min(n - at);
            let mut rows: Vec<&[u64]> = y.iter().map(|limb| &limb[at..at + len]).collect();
            kernels.rounded_sum(&mut quotients[..len], &rows, &self.inverses);
            rows.push(&quotients[..len]);
            let sums = WeightedSums {
                moduli: &self.destinations,
                rows: &rows,
                weights: &self.weights,
                lifted: &self.lifted,
            };
            kernels.weighted_sums(dst, at, &sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::kernels;
    use proptest::prelude::*;

    /// `x mod q` of a number given in words, least first.
    fn residue(x: &[u64], q: u64) -> u64 {
        x.iter()
            .rev()
            .fold(0u128, |rest, &word| ((rest << 64) | word as u128) % q as u128) as u64
    }

    fn multiply(x: &[u64], factor: u64) -> Vec<u64> {
        let mut carry = 0u128;
        let mut product = x
            .iter()
            .map(|&word| {
                carry += word as u128 * factor as u128;
                let low = carry as u64;
                carry >>= 64;
                low
            })
            .collect::<Vec<_>>();
        product.push(carry as u64);
        product
    }

    fn subtract(x: &[u64], y: &[u64]) -> Option<Vec<u64>> {
        let mut borrow = false;
        let difference = x
            .iter()
            .zip(y)
            .map(|(&x, &y)| {
                let (first, under) = x.overflowing_sub(y);
                let (second, under_again) = first.overflowing_sub(borrow as u64);
                borrow = under || under_again;
                second
            })
            .collect();
        (!borrow).then_some(difference)
    }

    const SOURCES: [u64; 5] = [
        1111361812955137,
        1068236801,
        1108412428189697,
        1088139821057,
        1125899902124033,
    ];
    const DESTINATIONS: [u64; 4] = [1125899886395393, 1062469633, 1111307407589377, 97];

    /// Holds every path to the exact centred representative, found with long integers.
    fn check(sources: &[u64], xs: &[Vec<u64>]) {
        let moduli = |primes: &[u64]| primes.iter().map(|&q| Modulus::new(q)).collect::<Vec<_>>();
        let conversion = BaseConversion::new(&moduli(sources), &moduli(&DESTINATIONS));
        let product = sources
            .iter()
            .fold(vec![1u64], |product, &q| multiply(&product, q));
        let width = xs.iter().map(Vec::len).max().unwrap_or(0).max(product.len());
        let pad = |x: &[u64]| {
            x.iter()
                .copied()
                .chain(std::iter::repeat(0))
                .take(width)
                .collect::<Vec<_>>()
        };
        let premultiplied = |(i, &q): (usize, &u64)| {
            let factor = conversion.premultiplier(i);
            xs.iter()
                .map(|x| Modulus::new(q).mul(residue(x, q), factor))
                .collect()
        };
        let src = sources
            .iter()
            .enumerate()
            .map(premultiplied)
            .collect::<Vec<Vec<u64>>>();
        let src = src.iter().map(Vec::as_slice).collect::<Vec<_>>();
        for kernels in kernels::available() {
            let mut dst = vec![vec![0; xs.len()]; DESTINATIONS.len()];
            conversion.convert(
                &kernels,
                &src,
                &mut dst.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(),
            );
            for (k, x) in xs.iter().enumerate() {
                for (dst, &p) in dst.iter().zip(&DESTINATIONS) {
                    // Above half of the product, the centred representative is negative: -(Q - x).
                    let centred = match subtract(&pad(&product), &multiply(&pad(x), 2)[..width]) {
                        Some(_) => residue(x, p),
                        None => {
                            let magnitude = subtract(&pad(&product), &pad(x)).unwrap();
                            (p - residue(&magnitude, p)) % p
                        }
                    };
                    assert_eq!(dst[k], centred, "path {}, word {k}, p {p}", kernels.path());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn is_exact_and_centred(raw in proptest::collection::vec(any::<[u64; 3]>(), 1..70), count in 2usize..=5) {
            // Numbers below 2^78 and their complements to Q, all far from Q/2.
            let sources = &SOURCES[..count];
            let product = sources.iter().fold(vec![1u64], |product, &q| multiply(&product, q));
            let pad = |x: [u64; 2]| x.iter().copied().chain([0; 8]).take(product.len()).collect::<Vec<_>>();
            let number = |[low, high, negative]: &[u64; 3]| {
                let magnitude = pad([*low, high & 0x3fff]);
                if negative & 1 == 1 { subtract(&product, &magnitude).unwrap() } else { magnitude }
            };
            check(sources, &raw.iter().map(number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_source_is_centred_too() {
        let q = SOURCES[0];
        check(
            &SOURCES[..1],
            &[
                vec![0],
                vec![1],
                vec![q / 4],
                vec![q / 4 * 3],
                vec![q - 1],
                vec![q / 3],
            ],
        );
    }

    #[test]
    fn spread_over_the_whole_range() {
        // Multiples of Q/64 with an offset, none near Q/2 (the odd 64ths).
        for count in 2..=5 {
            let product = SOURCES[..count]
                .iter()
                .fold(vec![1u64], |product, &q| multiply(&product, q));
            let sixty_fourth = (0..product.len())
                .map(|i| product[i] >> 6 | product.get(i + 1).map_or(0, |word| word << 58))
                .collect::<Vec<_>>();
            let xs = (0..64).filter(|k| k % 2 == 1).map(|k| {
                let mut x = multiply(&sixty_fourth, k);
                x.truncate(product.len());
                x
            });
            check(&SOURCES[..count], &xs.collect::<Vec<_>>());
        }
    }
}
