//! Plaintexts: slots encoded as polynomials, transformed, in the shortest form their structure allows.
//!
//! Notation: n slots, N = 2n. A plaintext whose slots repeat with period t is a polynomial in X^(n/t); in the bit-reversed order of the
//! transform its limbs are runs of n/t equal words, and one word a run is stored: 2t words a limb. A constant is the case t = 1: one
//! word for each half of the limb, equal when the constant is real.

use super::context::Context;
use super::parallel;
use crate::complex::Complex;
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::kernels::Run;
use crate::math::modulus::Modulus;
use zeroize::Zeroize;

/// An encoded plaintext.
#[derive(Clone, Debug, PartialEq)]
pub struct Plaintext {
    level: usize,
    special: bool,
    scale: f64,
    period: usize,
    /// Words between equal ones: N / (2 period).
    run: usize,
    words: Limbs,
}

impl Plaintext {
    /// Level whose primes it stands on.
    pub fn level(&self) -> usize {
        self.level
    }

    /// Whether it also stands on the special primes.
    pub fn is_special(&self) -> bool {
        self.special
    }

    /// Encoding scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Slots after which it repeats: 1 for constants, all slots where there is no structure.
    pub fn period(&self) -> usize {
        self.period
    }

    /// Bytes of its words.
    pub fn bytes(&self) -> usize {
        8 * self.words.n() * self.words.count()
    }

    /// Limb at position i: Q primes of its level first, then special ones.
    pub(crate) fn limb(&self, i: usize) -> Run<'_> {
        Run {
            words: self.words.limb(i),
            run: self.run,
        }
    }

    /// The words of limb i where it has no runs.
    pub(crate) fn general_limb(&self, i: usize) -> Option<&[u64]> {
        (self.run == 1).then(|| self.words.limb(i))
    }

    /// Adds limb i to `out`.
    pub(crate) fn add_to(&self, q: &Modulus, i: usize, out: &mut [u64]) {
        for (out, &word) in out.chunks_exact_mut(self.run).zip(self.words.limb(i)) {
            out.iter_mut().for_each(|x| *x = q.add(*x, word));
        }
    }

    /// Position of a prime's limb, which must be one of the plaintext's.
    pub(crate) fn position(&self, context: &Context, prime: u16) -> usize {
        context.position(self.level, prime)
    }
}

/// For plaintexts that are nobody else's business, when they have been encrypted.
impl Zeroize for Plaintext {
    fn zeroize(&mut self) {
        self.words.zeroize();
    }
}

impl Context {
    /// Encodes real slots. As many values as slots, or a power of two of them, which then repeats over the slots.
    pub fn encode(&self, values: &[f64], scale: f64, level: usize, special: bool) -> Result<Plaintext> {
        self.encode_parts(values.to_vec(), vec![0.0; values.len()], scale, level, special)
    }

    /// Encodes complex slots; see [`encode`](Self::encode).
    pub fn encode_complex(
        &self,
        values: &[Complex],
        scale: f64,
        level: usize,
        special: bool,
    ) -> Result<Plaintext> {
        let (re, im) = values.iter().map(|z| (z.re, z.im)).unzip();
        self.encode_parts(re, im, scale, level, special)
    }

    fn encode_parts(
        &self,
        re: Vec<f64>,
        im: Vec<f64>,
        scale: f64,
        level: usize,
        special: bool,
    ) -> Result<Plaintext> {
        self.check_level("encode", level)?;
        let period = re.len();
        let coefficients = self.integer_coefficients(re, im, scale, level)?;
        let primes = self.primes(level, special);
        let run = self.slots() / period;
        let mut words = Limbs::zeroed(2 * period, primes.len());
        let limbs = primes.iter().zip(words.split_mut()).collect();
        parallel::for_each(limbs, |(&prime, out): (&u16, &mut [u64])| {
            let q = self.modulus(prime);
            if period == 1 {
                constant_words(q, self.imaginary_unit(prime), &coefficients, out);
            } else if run == 1 {
                coefficients.reduce(self, prime, out);
                self.ring().ntt(prime).forward(out);
            } else if self.subring(prime).reaches(2 * period) {
                coefficients.reduce(self, prime, out);
                self.subring(prime).forward(q, out);
            } else {
                let mut small = vec![0; 2 * period];
                coefficients.reduce(self, prime, &mut small);
                let mut limb = vec![0; self.degree()];
                for (to, from) in limb.iter_mut().step_by(run).zip(small) {
                    *to = from;
                }
                self.ring().ntt(prime).forward(&mut limb);
                for (to, from) in out.iter_mut().zip(limb.iter().step_by(run)) {
                    *to = *from;
                }
            }
        });
        Ok(Plaintext {
            level,
            special,
            scale,
            period,
            run,
            words,
        })
    }

    /// Coefficients of the polynomial in X^(n/period) with these slots, scaled and rounded.
    pub(crate) fn integer_coefficients(
        &self,
        mut re: Vec<f64>,
        mut im: Vec<f64>,
        scale: f64,
        level: usize,
    ) -> Result<Coefficients> {
        let (found, expected) = (re.len(), self.slots());
        if !found.is_power_of_two() || found > expected {
            return Err(Error::Count {
                what: "values to encode (a power of two, at most the slots)",
                found,
                expected,
            });
        }
        let log2_scale = scale.log2();
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Encode {
                value: scale,
                log2_scale,
                reason: "the scale is not a positive number",
            });
        }
        if let Some(&value) = re.iter().chain(&im).find(|x| !x.is_finite()) {
            return Err(Error::Encode {
                value,
                log2_scale,
                reason: "the value is not finite",
            });
        }
        self.fft().slots_to_coefficients(&mut re, &mut im);
        re.append(&mut im);
        let largest = re.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let log2_largest = (largest * scale).log2();
        if log2_largest >= self.chain().log_q(level) - 1.0 {
            return Err(Error::Encode {
                value: largest,
                log2_scale,
                reason: "it exceeds half of the level's modulus",
            });
        }
        if log2_largest < 62.0 {
            return Ok(Coefficients::Short(
                re.iter().map(|x| (x * scale).round_ties_even() as i64).collect(),
            ));
        }
        if log2_largest < 126.0 {
            return Ok(Coefficients::Long(
                re.iter().map(|x| (x * scale).round_ties_even() as i128).collect(),
            ));
        }
        Err(Error::Encode {
            value: largest,
            log2_scale,
            reason: "coefficients have at most 126 bits",
        })
    }

    /// Slots of a polynomial given by its real coefficients, still at `scale`.
    pub(crate) fn decode_coefficients(&self, coefficients: &[f64], scale: f64) -> Vec<Complex> {
        let (re, im) = coefficients.split_at(self.slots());
        let shrink = |x: &f64| x / scale;
        let (mut re, mut im): (Vec<f64>, Vec<f64>) =
            (re.iter().map(shrink).collect(), im.iter().map(shrink).collect());
        self.fft().coefficients_to_slots(&mut re, &mut im);
        re.into_iter()
            .zip(im)
            .map(|(re, im)| Complex::new(re, im))
            .collect()
    }
}

/// Rounded coefficients.
pub(crate) enum Coefficients {
    /// All below 2^62.
    Short(Vec<i64>),
    /// Longer ones.
    Long(Vec<i128>),
}

impl Coefficients {
    /// Their residues.
    pub(crate) fn reduce(&self, context: &Context, prime: u16, out: &mut [u64]) {
        let q = context.modulus(prime);
        match self {
            Coefficients::Short(x) => context.kernels().reduce_i64(q, out, x),
            Coefficients::Long(x) => out.iter_mut().zip(x).for_each(|(out, &x)| *out = q.from_i128(x)),
        }
    }

    fn residue(&self, q: &Modulus, i: usize) -> u64 {
        match self {
            Coefficients::Short(x) => q.from_i64(x[i]),
            Coefficients::Long(x) => q.from_i128(x[i]),
        }
    }
}

/// `a + b I` and `a - b I`: the words of a constant.
fn constant_words(q: &Modulus, unit: u64, coefficients: &Coefficients, out: &mut [u64]) {
    let (re, im) = (
        coefficients.residue(q, 0),
        q.mul(coefficients.residue(q, 1), unit),
    );
    out[0] = q.add(re, im);
    out[1] = q.sub(re, im);
}
