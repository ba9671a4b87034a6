//! Predicted counts against what the kernels did while the program ran.

use std::sync::Arc;

use super::{ChainShape, Counts, count, count_on};
use crate::bootstrap::BootstrapSpec;
use crate::ckks::{Context, KeyMemory, KeySpec, SecretKey};
use crate::math::sample::Seed;
use crate::math::tally;
use crate::params::{ChainSpec, presets};
use crate::program::store::encode_input;
use crate::program::{
    Builder, ChainView, Executor, KeySet, PlainClass, PlainId, PlainStore, PlainValues, Slots, Term, ValueId,
    Verified,
};

/// A program on 16 slots, with some values for every plaintext.
struct Writer {
    b: Builder,
    plains: PlainValues,
}

impl Writer {
    fn factor(&mut self, x: ValueId, class: PlainClass) -> PlainId {
        let id = self.b.factor(x, class, true).unwrap();
        let length = match class {
            PlainClass::Constant => 1,
            PlainClass::Periodic { period } => period as usize,
            PlainClass::General => 16,
        };
        self.plains
            .insert(id, (0..length).map(|s| 0.1 + 0.05 * s as f64).collect::<Vec<_>>());
        id
    }

    /// A linear operation from (output, giant, input, baby, class).
    fn linear(
        &mut self,
        x: ValueId,
        outputs: u32,
        terms: &[(u32, i32, u32, i32, PlainClass)],
        rescale: bool,
    ) -> ValueId {
        let term = |&(output, giant, input, baby, class)| {
            let plain = self.factor(x, class);
            Term {
                output,
                giant,
                input,
                baby,
                plain,
            }
        };
        let terms = terms.iter().map(term).collect();
        if rescale {
            self.b.linear(x, outputs, terms)
        } else {
            self.b.linear_unscaled(x, outputs, terms)
        }
        .unwrap()
    }
}

/// A program, and what happened when it ran.
struct Ran {
    program: Verified,
    called: Counts,
    /// Of the kernels.
    done: [u64; 5],
    key_bytes: u64,
    plain_bytes: u64,
}

/// Runs a program of one input on one thread, on tiles of values within one.
fn run(context: &Arc<Context>, Writer { b, plains }: Writer) -> Ran {
    let program = b.finish().unwrap().0;
    let secret = SecretKey::from_seed(context, &Seed::new([1; 32]));
    let keys = secret
        .evaluation_keys(context, &KeySpec::from(&KeySet::of(&program)))
        .unwrap()
        .expand(context, KeyMemory::of_program(program.refreshing().is_some()))
        .unwrap();
    let encapsulation = program
        .refreshing()
        .map(|_| secret.encapsulation_keys(context).unwrap());
    let store = PlainStore::encode(&program, context, &plains).unwrap();
    let tile = |seed: u32| {
        let slots = (0..program.slots).map(|s| f64::from(seed + s).sin());
        let slots = Slots::from(slots.collect::<Vec<f64>>());
        let plain = encode_input(&program, context, 0, &slots).unwrap();
        secret.encrypt(context, &plain).unwrap().expand(context)
    };
    let tiles = program.values[program.inputs[0].value.0 as usize].tiles;
    let input = vec![(0..tiles).map(tile).collect()];
    let executor = Executor {
        context,
        keys: &keys,
        encapsulation: encapsulation.as_ref(),
        program: &program,
        plains: &store,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (called, done) = pool.install(|| {
        let mut called = Counts::default();
        tally::take();
        executor.run_counted(input, &(), &mut called).unwrap();
        (called, tally::take())
    });
    let encapsulation_bytes = encapsulation.map_or(0, |keys| keys.bytes());
    Ran {
        called,
        done,
        key_bytes: (keys.bytes() + encapsulation_bytes) as u64,
        plain_bytes: store.bytes() as u64,
        program,
    }
}

/// Runs what `write` writes on an input of two tiles at level 5, on one thread, and compares.
fn compare(write: impl FnOnce(&mut Writer, ValueId) -> ValueId) {
    let spec = ChainSpec {
        log_n: 5,
        special_bits: vec![45; 3],
        ..presets::rational()
    };
    let context = Context::new_insecure(spec.build_insecure().unwrap()).unwrap();
    assert!(!context.chain().contains(2, 1) && !context.chain().contains(4, 3));
    let mut w = Writer {
        b: Builder::new(16, ChainView::from(context.chain())),
        plains: PlainValues::default(),
    };
    let x = w.b.input("x", 2, 5).unwrap();
    let y = write(&mut w, x);
    w.b.output("y", y);
    let Ran {
        program,
        called,
        done,
        key_bytes,
        plain_bytes,
    } = run(&context, w);
    let bill = count_on(&program, context.chain());
    let total = bill.total;
    let names = [
        "transforms",
        "conversion words",
        "mac words",
        "automorphism words",
        "key bytes",
    ];
    for ((name, predicted), done) in names.iter().zip(total.work()).zip(done) {
        assert_eq!(predicted, done, "{name}, predicted against done\n{}", *program);
    }
    assert_eq!(
        total.calls(),
        called.calls(),
        "calls, predicted against done\n{}",
        *program
    );
    assert_eq!(bill.resident_plain_bytes, plain_bytes);
    assert_eq!(bill.resident_key_bytes, key_bytes);
}

/// Refreshing three tiles, two of them as a pair: counts by the chain agree to a hundredth, estimates without its primes to a fourth,
/// and the bytes in memory exactly.
#[test]
fn refreshing_does_what_was_counted() {
    let spec = BootstrapSpec {
        log_n: 7,
        work: 1,
        special_bits: vec![50; 4],
        terminal_bits: vec![40, 30, 30],
        ..BootstrapSpec::b16_lite()
    };
    let context = Context::new_insecure(spec.chain().build_insecure().unwrap()).unwrap();
    let mut w = Writer {
        b: Builder::new(64, ChainView::from(context.chain())).bootstrapping(spec),
        plains: PlainValues::default(),
    };
    let x = w.b.input("x", 3, 4).unwrap();
    let y = w.b.refresh(x, 1.5).unwrap();
    w.b.output("y", y);
    let Ran {
        program,
        called,
        done,
        key_bytes,
        plain_bytes,
    } = run(&context, w);
    let bill = count_on(&program, context.chain());
    let estimated = count(&program, &ChainShape::from(context.chain())).total;
    let predicted = bill.total.work().into_iter().zip(estimated.work());
    for ((predicted, estimated), done) in predicted.zip(done) {
        println!("predicted {predicted}, estimated {estimated}, done {done}");
        let (predicted, estimated) = (predicted as f64 / done as f64, estimated as f64 / done as f64);
        assert!(
            (predicted - 1.0).abs() < 0.01,
            "predicted {predicted} of what was done"
        );
        assert!(
            (estimated - 1.0).abs() < 0.25,
            "estimated {estimated} of what was done"
        );
    }
    assert_eq!(called.refreshes, bill.total.refreshes);
    assert_eq!((bill.total.rotations, bill.total.ct_multiplications), (0, 0));
    assert_eq!(bill.resident_plain_bytes, plain_bytes);
    assert_eq!(bill.resident_key_bytes, key_bytes);
}

use PlainClass::{Constant, General};
const PERIODIC: PlainClass = PlainClass::Periodic { period: 4 };

#[test]
fn flat_transforms() {
    compare(|w, x| {
        w.linear(
            x,
            2,
            &[
                (0, 0, 0, 0, General),
                (0, 0, 1, 0, Constant),
                (1, 0, 1, 0, PERIODIC),
            ],
            true,
        )
    });
    compare(|w, x| w.linear(x, 1, &[(0, 0, 0, 0, General)], false));
}

#[test]
fn transforms_with_babies_and_giants() {
    let terms = [
        (0, 0, 0, 0, General),
        (0, 0, 0, 1, General),
        (0, 0, 1, 1, PERIODIC),
        (0, 4, 0, 0, General),
        (0, 8, 0, 1, Constant),
        (0, 8, 1, 0, General),
        (1, 0, 0, 0, General),
        (2, 4, 1, 2, General),
        (2, 8, 1, 0, General),
    ];
    for rescale in [true, false] {
        compare(|w, x| w.linear(x, 3, &terms, rescale));
    }
}

/// Keys made for a higher level than that of their use, whose digits differ.
#[test]
fn keys_shared_between_levels() {
    compare(|w, x| {
        let y = w.linear(x, 2, &[(0, 0, 0, 1, General), (1, 0, 1, 2, General)], true);
        let y = w.b.square(y).unwrap();
        let y = w.linear(
            y,
            1,
            &[
                (0, 0, 0, 1, General),
                (0, 0, 0, 3, General),
                (0, 4, 1, 2, General),
            ],
            true,
        );
        w.b.rotate_sum(y, &[vec![0, 1, 2, 3], vec![0, 4, 8]]).unwrap()
    });
}

#[test]
fn products_rotations_and_scalars() {
    compare(|w, x| {
        let y = w.b.multiply(x, x).unwrap();
        let r = w.b.rotate(x, &[0, 3]).unwrap();
        let r = w.b.conjugate(r).unwrap();
        let r = w.b.mul_i(r).unwrap();
        let r = w.b.adjust(r, 4).unwrap();
        let y = w.b.multiply(y, r).unwrap();
        let c = w.b.factor(y, Constant, false).unwrap();
        w.plains.insert(c, 0.5);
        let y = w.b.scale(y, c).unwrap();
        let p = w.b.addend(y, General).unwrap();
        w.plains.insert(p, vec![0.25; 16]);
        let y = w.b.add_plain(y, vec![p, p]).unwrap();
        w.b.select(y, vec![1]).unwrap()
    });
}

#[test]
fn polynomials() {
    for degree in [1, 2, 3, 5, 7] {
        compare(|w, x| {
            let c = (0..=degree).map(|k| {
                let id = w.b.coefficient(x).unwrap();
                w.plains.insert(id, 0.5 / (1.0 + f64::from(k)));
                id
            });
            let c = c.collect();
            w.b.polynomial(x, c).unwrap()
        });
    }
}
