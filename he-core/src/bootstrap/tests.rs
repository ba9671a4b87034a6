//! A small ring with keys, on which bootstrapping is tested.

mod keys;
mod precision;
mod spec;
mod stages;

use super::diagonals::Diagonals;
use super::*;
use crate::ckks::{EvaluationKeys, KeyMemory, SecretKey};
use crate::math::sample::Seed;

/// The levels of B16-lite on a small ring.
fn small() -> BootstrapSpec {
    BootstrapSpec {
        log_n: 10,
        work: 2,
        special_bits: vec![50; 4],
        terminal_bits: vec![40, 30, 30],
        ..BootstrapSpec::b16_lite()
    }
}

struct Bench {
    context: Arc<Context>,
    secret: SecretKey,
    keys: EvaluationKeys,
    encapsulation: EncapsulationKeys,
    bootstrapper: Bootstrapper,
}

fn small_bench() -> Bench {
    let context = Context::new_insecure(small().chain().build_insecure().unwrap()).unwrap();
    bench(context, &small())
}

fn bench(context: Arc<Context>, spec: &BootstrapSpec) -> Bench {
    let bootstrapper = Bootstrapper::new(&context, spec).unwrap();
    let secret = SecretKey::from_seed(&context, &Seed::new([3; 32]));
    let keys = secret
        .evaluation_keys_from(&context, &bootstrapper.key_spec(), &Seed::new([4; 32]))
        .unwrap()
        .expand(&context, KeyMemory::Seeded)
        .unwrap();
    let encapsulation = secret
        .encapsulation_keys_from(&context, &Seed::new([5; 32]))
        .unwrap();
    Bench {
        context,
        secret,
        keys,
        encapsulation,
        bootstrapper,
    }
}

impl Bench {
    fn encrypt(&self, slots: &[f64]) -> Ciphertext {
        let level = self.bootstrapper.entry_level();
        let plain = self
            .context
            .encode(slots, self.context.scale(level), level, false)
            .unwrap();
        self.secret
            .encrypt(&self.context, &plain)
            .unwrap()
            .expand(&self.context)
    }

    /// The slots as coefficients, plus multiples of q0.
    fn raised(&self, slots: &[f64]) -> Raised {
        let lowest = self
            .bootstrapper
            .to_coefficients(&self.keys, self.encrypt(slots))
            .unwrap();
        self.bootstrapper
            .raise
            .apply(&self.context, &self.encapsulation, &lowest)
    }

    /// All coefficients; they are larger than their scale tells.
    fn coefficients(&self, x: &Raised) -> Vec<f64> {
        let context = &self.context;
        let identity = Diagonals::identity(context.slots());
        let scale = 2f64.powi(70);
        let switched = FirstFactor::new(context, &identity, [scale; 2]).unwrap();
        let x = switched.apply(context, &self.encapsulation, x);
        self.secret.decrypt_coefficients(context, &x)
    }
}

fn worst(found: &[f64], expected: &[f64]) -> f64 {
    found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}
