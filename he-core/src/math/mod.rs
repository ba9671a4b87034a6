//! Arithmetic in the rings `Z_q[X]/(X^N + 1)` for primes `q < 2^50`.
//!
//! Notation: `N` the ring degree, a power of two; a *limb* is one polynomial modulo one prime, `N` words of 64 bits, each fully
//! reduced to `[0, q)`. Every function takes and returns fully reduced words, so the scalar, AVX2 and AVX-512 paths agree bit for
//! bit and a test can hold them against one another.
//!
//! From bottom to top: [`modulus`] and [`prime`] are numbers, [`buffer`] is memory, [`cpu`] says which instructions may be used,
//! [`shared`] are bytes with several owners, [`panel`] holds packed operands, [`kernels`] are loops over limbs, [`ntt`], [`automorphism`] and [`base_conversion`] the three transforms that CKKS needs, [`ring`]
//! the tables of one parameter set, [`poly`] a polynomial over several primes whose type says in which domain it stands, and
//! [`sample`] and [`uniform`] the random streams (a wire format).

pub mod automorphism;
pub mod base_conversion;
pub mod buffer;
pub mod cpu;
pub mod kernels;
pub mod modulus;
pub mod ntt;
pub mod panel;
pub mod poly;
pub mod prime;
pub mod ring;
pub mod sample;
pub mod shared;
pub mod tally;
pub mod uniform;
