//! Counts what a program costs, without running it.
//!
//! Notation: N ring degree, `l` Q limbs at the level of the operation, `d` limbs that its rescale drops, `k` special limbs, digits of
//! `alpha_j` limbs, `beta` of them. One *word* is one residue of one limb. The formulas are those of the algorithms in `ckks`
//! (hybrid key switching, double hoisting, rescale merged into the division by P). Two tests keep them true: the executor counts
//! the operations of the scheme as it calls them, and the kernels tally transforms and words while a program runs; both must equal
//! what was predicted.
//!
//! Not counted: additions, and multiplication of a limb by one word.
//!
//! Source: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, "Efficient Bootstrapping for Approximate Homomorphic Encryption with
//! Non-Sparse Keys", Eurocrypt 2021, section 4 (double hoisting).

mod memory;
mod refresh;
mod rules;
#[cfg(test)]
mod truth;

use std::ops::{Add, AddAssign, Range};

use serde::{Deserialize, Serialize};

use super::keys::KeySet;
use super::op::{Program, Term};
use crate::params::{Chain, Levels};

/// Work and traffic of an operation, a layer or a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number theoretic transforms of one limb, either direction.
    pub ntts: u64,
    /// Base conversion: source limbs x destination limbs x N.
    pub conversion_words: u64,
    /// Words of products of two vectors: with keys, with plaintexts, of ciphertexts.
    pub mac_words: u64,
    /// Words permuted by automorphisms.
    pub automorphism_words: u64,
    /// Bytes of expanded evaluation keys read: words are packed in the bits of their primes.
    pub key_bytes: u64,
    /// Bytes of encoded plaintexts read, those of transforms packed.
    pub plain_bytes: u64,
    /// Rotations by a non-zero step, hoisted or not.
    pub rotations: u64,
    /// Key switches: rotations, conjugations and relinearisations.
    pub key_switches: u64,
    /// Products of two ciphertexts, squares included.
    pub ct_multiplications: u64,
    /// Products of a ciphertext and a plaintext.
    pub pt_multiplications: u64,
    /// Rescaled ciphertexts.
    pub rescales: u64,
    /// Refreshed ciphertexts. What happens inside refreshing is counted as work and bytes, not as operations.
    pub refreshes: u64,
}

impl Add for Counts {
    type Output = Self;
    fn add(mut self, o: Self) -> Self {
        self += o;
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, o: Self) {
        self.ntts += o.ntts;
        self.conversion_words += o.conversion_words;
        self.mac_words += o.mac_words;
        self.automorphism_words += o.automorphism_words;
        self.key_bytes += o.key_bytes;
        self.plain_bytes += o.plain_bytes;
        self.rotations += o.rotations;
        self.key_switches += o.key_switches;
        self.ct_multiplications += o.ct_multiplications;
        self.pt_multiplications += o.pt_multiplications;
        self.rescales += o.rescales;
        self.refreshes += o.refreshes;
    }
}

impl Counts {
    /// A linear operation to `outputs` tiles.
    pub(super) fn count_linear(&mut self, terms: &[Term], outputs: u64, rescale: bool) {
        let rotations = (Term::babies(terms).len() + Term::giants(terms).len()) as u64;
        self.rotations += rotations;
        self.key_switches += rotations;
        self.pt_multiplications += terms.len() as u64;
        self.rescales += if rescale { outputs } else { 0 };
    }

    /// Products of two ciphertexts, relinearised and rescaled one by one.
    pub(super) fn count_products(&mut self, products: u64) {
        self.ct_multiplications += products;
        self.key_switches += products;
        self.rescales += products;
    }

    /// Combinations of (level, products, multiples), for each of `tiles`.
    pub(super) fn count_polynomial(
        &mut self,
        steps: impl Iterator<Item = ([usize; 2], usize, usize)>,
        tiles: u64,
    ) {
        for (_, products, multiples) in steps {
            self.ct_multiplications += tiles * products as u64;
            self.pt_multiplications += tiles * multiples as u64;
            self.key_switches += if products > 0 { tiles } else { 0 };
            self.rescales += tiles;
        }
    }

    fn times(mut self, factor: u64) -> Self {
        for field in [
            &mut self.ntts,
            &mut self.conversion_words,
            &mut self.mac_words,
            &mut self.automorphism_words,
            &mut self.key_bytes,
            &mut self.plain_bytes,
            &mut self.rotations,
            &mut self.key_switches,
            &mut self.ct_multiplications,
            &mut self.pt_multiplications,
            &mut self.rescales,
            &mut self.refreshes,
        ] {
            *field *= factor;
        }
        self
    }
}

impl Counts {
    /// Work of the kernels, in the order of [`Work`](crate::math::tally::Work).
    pub fn work(&self) -> [u64; 5] {
        [
            self.ntts,
            self.conversion_words,
            self.mac_words,
            self.automorphism_words,
            self.key_bytes,
        ]
    }

    /// Operations of the scheme, as an executor counts them.
    pub fn calls(&self) -> [u64; 5] {
        [
            self.rotations,
            self.key_switches,
            self.ct_multiplications,
            self.pt_multiplications,
            self.rescales,
        ]
    }
}

/// The primes of each level of a chain and their bits: all that costs depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainShape {
    /// Ring degree N.
    degree: u64,
    levels: Levels,
    /// Special limbs.
    special: u64,
    /// Bits of every prime, special ones last.
    bits: Vec<u64>,
    /// Digits of a key made for the top: runs of Q primes.
    digits: Vec<Range<u64>>,
}

impl From<&Chain> for ChainShape {
    fn from(chain: &Chain) -> Self {
        let digits = chain.digits(chain.top_level()).into_iter();
        Self {
            degree: chain.degree() as u64,
            levels: chain.levels().clone(),
            special: chain.special_count() as u64,
            bits: chain
                .primes()
                .iter()
                .map(|q| u64::from(64 - q.leading_zeros()))
                .collect(),
            digits: digits.map(|d| d.start as u64..d.end as u64).collect(),
        }
    }
}

impl ChainShape {
    /// Bytes of a packed polynomial on the Q primes of a level, and the special ones where asked.
    pub(crate) fn packed_bytes(&self, level: u32, special: bool) -> u64 {
        let primes = self.levels.of(level as usize).iter();
        let q_bits: u64 = primes.map(|&p| self.bits[usize::from(p)]).sum();
        (q_bits + if special { self.special_bits() } else { 0 }) * self.degree / 8
    }

    /// Bytes of a packed polynomial on the primes of keys made for a level.
    pub(crate) fn packed_key_bytes(&self, level: u32) -> u64 {
        let reach = self.levels.reach(level as usize);
        (self.bits[..reach].iter().sum::<u64>() + self.special_bits()) * self.degree / 8
    }

    fn special_bits(&self) -> u64 {
        self.bits[self.bits.len() - self.special as usize..].iter().sum()
    }

    /// Primes of a level that another lacks.
    pub(crate) fn without(&self, level: u32, other: u32) -> impl Iterator<Item = u16> {
        self.levels.without(level as usize, other as usize)
    }

    /// How a ciphertext comes to a level below; see [`Chain::way_down`].
    pub(crate) fn way_down(&self, from: u32, to: u32) -> Vec<[u32; 2]> {
        let way = self.levels.way_down(from as usize, to as usize).into_iter();
        way.map(|hop| hop.map(|level| level as u32)).collect()
    }
}

/// The counts of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// One entry per operation.
    pub ops: Vec<Counts>,
    /// One entry per layer.
    pub layers: Vec<Counts>,
    /// All together.
    pub total: Counts,
    /// Bytes of the encoded plaintexts that the program reads, each once.
    pub resident_plain_bytes: u64,
    /// Bytes of the evaluation keys in memory, each once (see [`KeyMemory::of_program`](crate::ckks::KeyMemory::of_program)).
    pub resident_key_bytes: u64,
    /// Largest number of bytes of ciphertexts alive at once, operands and result of an operation included.
    pub peak_ciphertext_bytes: u64,
}

/// Counts `program`, which must be verified, on a chain of shape `shape`. The steps of polynomials are estimated: their scales, and so
/// their cheapest order, need the chain's primes.
pub fn count(program: &Program, shape: &ChainShape) -> Bill {
    bill(program, shape, None)
}

/// Counts `program`, which must be verified, on `chain`, exactly. Polynomials are taken to have no zero coefficient: what
/// coefficients are comes with the weights.
pub fn count_on(program: &Program, chain: &Chain) -> Bill {
    bill(program, &ChainShape::from(chain), Some(chain))
}

fn bill(program: &Program, shape: &ChainShape, chain: Option<&Chain>) -> Bill {
    let keys = KeySet::of(program);
    let counter = rules::Counter {
        program,
        shape,
        keys: &keys,
        chain,
    };
    let ops: Vec<Counts> = program
        .ops
        .iter()
        .enumerate()
        .map(|(i, op)| counter.op(op, i))
        .collect();
    let mut layers = vec![Counts::default(); program.layers.len()];
    let mut total = Counts::default();
    for (info, &counts) in program.values.iter().zip(&ops) {
        layers[info.layer as usize] += counts;
        total += counts;
    }
    Bill {
        ops,
        layers,
        total,
        resident_plain_bytes: counter.resident_plain_bytes(),
        resident_key_bytes: counter.resident_key_bytes(),
        peak_ciphertext_bytes: counter.peak_ciphertext_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Builder, ChainView, PlainClass};

    /// 4 levels of one limb of 40 bits over one base limb of 50, two special limbs of 45, digits of one limb.
    fn shape() -> ChainShape {
        // Numbers of as many bits as the primes: none is computed with.
        let dropped: Vec<Vec<u64>> = (1..=4).map(|level| vec![(1 << 39) + level]).collect();
        ChainShape {
            degree: 32,
            levels: Levels::new(&[1 << 49], &dropped, &[const { vec![] }; 4]).unwrap(),
            special: 2,
            bits: vec![50, 40, 40, 40, 40, 45, 45],
            digits: (0..5).map(|i| i..i + 1).collect(),
        }
    }

    fn builder() -> Builder {
        Builder::new(16, ChainView::uniform(4, 40.0))
    }

    #[test]
    fn a_key_switch_takes_beta_plus_two_transforms_of_all_limbs() {
        let mut b = builder();
        let x = b.input("x", 1, 4).unwrap();
        let y = b.rotate_sum(x, &[vec![0, 1]]).unwrap();
        b.output("y", y);
        let total = count(b.program(), &shape()).total;
        assert_eq!(total.ntts, (5 + 2) * (5 + 2));
        assert_eq!((total.rotations, total.key_switches, total.rescales), (1, 1, 0));
        // 5 digits x 1 limb to the other 6, and twice 2 special limbs to 5.
        assert_eq!(total.conversion_words, (5 * 6 + 2 * 2 * 5) * 32);
    }

    #[test]
    fn double_hoisting_pays_once_for_babies_and_once_per_giant() {
        let mut b = builder();
        let x = b.input("x", 1, 4).unwrap();
        let plain = b.factor(x, PlainClass::General, true).unwrap();
        let terms = (0..4).flat_map(|g| (0..4).map(move |r| (4 * g, r)));
        let terms = terms
            .map(|(giant, baby)| Term {
                output: 0,
                giant,
                input: 0,
                baby,
                plain,
            })
            .collect();
        let y = b.linear(x, 1, terms).unwrap();
        b.output("y", y);
        let bill = count(b.program(), &shape());
        // (l + k)(beta + giants (beta + 1) + 2), Bossuat et al.
        assert_eq!(bill.total.ntts, 7 * (5 + 3 * 6 + 2));
        assert_eq!((bill.total.rotations, bill.total.pt_multiplications), (6, 16));
        // Unrotated babies vanish modulo special primes.
        let (q_bits, special_bits) = (50 + 4 * 40, 2 * 45);
        assert_eq!(bill.resident_plain_bytes, (q_bits + special_bits) * 32 / 8);
        assert_eq!(bill.total.plain_bytes, (16 * q_bits + 12 * special_bits) * 32 / 8);
    }

    #[test]
    fn a_key_made_for_a_lower_level_is_smaller() {
        let keys_at = |level| {
            let mut b = builder();
            let x = b.input("x", 1, level).unwrap();
            let y = b.rotate_sum(x, &[vec![0, 3]]).unwrap();
            b.output("y", y);
            count(b.program(), &shape()).resident_key_bytes
        };
        assert_eq!(keys_at(4), 2 * 5 * (50 + 4 * 40 + 2 * 45) * 32 / 8);
        assert_eq!(keys_at(1), 2 * 2 * (50 + 40 + 2 * 45) * 32 / 8);
    }

    #[test]
    fn layers_add_up_to_the_total() {
        let mut b = builder();
        b.layer("a");
        let x = b.input("x", 2, 4).unwrap();
        let y = b.square(x).unwrap();
        b.layer("b");
        let z = b.multiply(y, y).unwrap();
        b.output("z", z);
        let bill = count(b.program(), &shape());
        assert_eq!(
            bill.layers.iter().fold(Counts::default(), |a, &c| a + c),
            bill.total
        );
        assert_eq!(bill.layers[1].ct_multiplications, 2);
        // Input (5 limbs) and square (4 limbs) are alive together, two tiles of two parts each.
        assert_eq!(bill.peak_ciphertext_bytes, 2 * 2 * (5 + 4) * 32 * 8);
    }
}
