//! One computation, from seeds to result, whose bytes are pinned: the same on every path of the processor, with any number of threads
//! and either form of keys in memory.
//!
//! What is pinned is the wire format and the arithmetic. Plaintexts are constants, so that no transform of floats takes part.

use super::fixture::{Fixture, chain};
use super::linear::{self, LinearPlan, Term};
use super::{Ciphertext, KeyMemory, eval, polynomial};
use crate::math::kernels::{self, Kernels};
use crate::math::sample::Seed;

/// Hash of a fresh ciphertext and of what a chain of all operations makes of it.
fn computation(kernels: Kernels, memory: KeyMemory) -> [String; 2] {
    let f = Fixture::with_kernels(chain(7), &[1, 2, 3, 4], kernels, memory);
    let (context, keys) = (&*f.context, &f.keys);
    let encrypt = |value: f64, byte: u8| {
        let plaintext = context.encode(&[value], context.scale(4), 4, false).unwrap();
        f.secret
            .encrypt_from(context, &plaintext, &Seed::new([byte; 32]))
            .unwrap()
    };
    let hash = |x: &Ciphertext| blake3::hash(&x.to_bytes(context)).to_hex().to_string();
    let fresh = encrypt(0.5, 11);
    let x = fresh.expand(context);
    let y = encrypt(-0.25, 12).expand(context);
    let product = eval::multiply(context, keys, &x, &y).unwrap();
    let factor = context
        .encode(&[0.75], context.chain().plain_scale(3), 3, true)
        .unwrap();
    let terms = [(0, 0), (0, 1), (4, 0), (4, 1)];
    let terms = terms.map(|(giant, baby)| Term {
        output: 0,
        giant,
        input: 0,
        baby,
        plain: 0,
    });
    let plan = LinearPlan::new(1, terms.to_vec(), true).unwrap();
    let mapped = linear::transform(context, keys, &[product], &plan, |_| &factor).unwrap();
    let summed = linear::rotate_sum(context, keys, &mapped[0], &[vec![0, 1, 2, 3]]).unwrap();
    let turned = eval::mul_i(context, &eval::conjugate(context, keys, &summed).unwrap());
    let result = polynomial::evaluate(context, keys, &turned, &[0.1, 0.2, 0.3, -0.4]).unwrap();
    assert_eq!(result.level(), 0);
    [
        blake3::hash(&fresh.to_bytes(context)).to_hex().to_string(),
        hash(&result),
    ]
}

/// `f` on a pool of threads, of which there is none without the feature `parallel`.
fn on_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    #[cfg(feature = "parallel")]
    return rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(f);
    #[cfg(not(feature = "parallel"))]
    {
        let _ = threads;
        f()
    }
}

#[test]
fn every_path_memory_and_number_of_threads_gives_the_pinned_bytes() {
    let expected = [FRESH.to_string(), RESULT.to_string()];
    for kernels in kernels::available() {
        for (threads, memory) in [
            (1, KeyMemory::Expanded),
            (1, KeyMemory::Seeded),
            (2, KeyMemory::Expanded),
            (5, KeyMemory::Seeded),
        ] {
            let found = on_threads(threads, || computation(kernels, memory));
            assert_eq!(
                found,
                expected,
                "path {:?}, {threads} threads, {memory:?}",
                kernels.path()
            );
        }
    }
}

const FRESH: &str = "9d23c9ec5bd6f55df6635953a28028a5a14f0bfdd0fc821d4afadb7b08514050";
const RESULT: &str = "63f9cd33bb6fcb5d6603ef062178d65865344d3a013a77c51c75691b5b6101c0";
