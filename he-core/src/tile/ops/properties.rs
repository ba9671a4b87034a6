//! Every operation, run in the clear, agrees with plain tensor arithmetic on random shapes: elements are right, zeros are zero, and
//! poison in the unknown slots of the operands reaches no other cell.

use proptest::prelude::*;

use super::super::layout::{Cell, Layout};
use super::super::pack::pack_with;
use super::super::shape::{Kind, TileDim, TileShape};
use super::super::tensor::{TileError, TileTensor};
use super::*;
use crate::program::{Builder, ChainView, PlainValues, Slots, clear as run_clear};

const LOG_SLOTS: u32 = 4;
const POISON: f64 = 1e6;

fn dim(log_tile: u32) -> impl Strategy<Value = TileDim> {
    let tile = 1usize << log_tile;
    (1..=2 * tile + 1, 0..4, 0..2usize, any::<bool>()).prop_map(move |(size, kind, spare, unknown)| {
        let kind = match kind {
            0 => Kind::Replicated,
            1 => Kind::Interleaved {
                external: size.div_ceil(tile) + spare,
            },
            _ => Kind::Plain,
        };
        let size = if kind == Kind::Replicated { 1 } else { size };
        TileDim {
            size,
            tile,
            kind,
            unknown,
        }
    })
}

/// Three dimensions with 16 slots in all.
fn shape() -> impl Strategy<Value = TileShape> {
    (0..=LOG_SLOTS)
        .prop_flat_map(|a| (Just(a), 0..=LOG_SLOTS - a))
        .prop_flat_map(|(a, b)| (dim(a), dim(b), dim(LOG_SLOTS - a - b)))
        .prop_map(|(a, b, c)| TileShape::new(vec![a, b, c]).unwrap())
}

/// Two shapes that broadcast: the second is the first with some dimensions replicated or differently unknown.
fn pair() -> impl Strategy<Value = (TileShape, TileShape)> {
    (shape(), prop::array::uniform3(0..4), prop::array::uniform3(0..4)).prop_map(|(base, left, right)| {
        let vary = |how: [i32; 3]| {
            let dims = base.dims().iter().zip(how).map(|(d, how)| match how {
                0 => TileDim::replicated(d.tile),
                1 => TileDim {
                    unknown: !d.unknown,
                    ..*d
                },
                _ => *d,
            });
            TileShape::new(dims.collect()).unwrap()
        };
        (vary(left), vary(right))
    })
}

/// Small integers, so that sums are exact and order does not matter.
fn values(shape: &TileShape, seed: u64) -> Vec<f64> {
    (0..shape.elements() as u64)
        .map(|e| ((e * 7 + seed * 13 + 5) % 11) as f64 - 5.0)
        .collect()
}

fn poisoned(shape: &TileShape, values: &[f64]) -> Vec<Slots> {
    let garbage = |tile: usize, slot: usize| POISON * (1.0 + tile as f64 + 0.125 * slot as f64);
    pack_with(&Layout::of(shape), values, garbage)
        .unwrap()
        .into_iter()
        .map(Slots::from)
        .collect()
}

/// Element of a tensor of `sizes` at `at`, where a dimension of size 1 stands for all.
fn element(sizes: &[usize], values: &[f64], at: &[usize]) -> f64 {
    values[sizes
        .iter()
        .zip(at)
        .fold(0, |flat, (&n, &i)| flat * n + if n == 1 { 0 } else { i })]
}

fn tensor(sizes: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Vec<f64> {
    let at = |mut e: usize| {
        let mut at: Vec<usize> = sizes
            .iter()
            .rev()
            .map(|n| {
                let i = e % n;
                e /= n;
                i
            })
            .collect();
        at.reverse();
        at
    };
    (0..sizes.iter().product()).map(|e| f(&at(e))).collect()
}

struct Bench {
    b: Builder,
    plains: PlainValues,
    inputs: Vec<Vec<Slots>>,
}

impl Bench {
    fn new() -> Self {
        let b = Builder::new(1 << LOG_SLOTS, ChainView::uniform(6, 40.0));
        Self {
            b,
            plains: PlainValues::default(),
            inputs: Vec::new(),
        }
    }

    fn input(&mut self, shape: &TileShape, values: &[f64]) -> TileTensor {
        self.inputs.push(poisoned(shape, values));
        TileTensor::input(&mut self.b, "x", shape.clone(), 6).unwrap()
    }

    /// Runs the program and compares every cell of `y`.
    fn expect(mut self, y: &TileTensor, expected: &[f64]) {
        self.b.output("y", y.value);
        let (program, known) = self.b.finish().unwrap();
        let tiles = run_clear::run(&program, &(&known, &self.plains), &self.inputs)
            .unwrap()
            .remove(0);
        assert_eq!(tiles.len(), y.shape.tiles());
        for (tile, slot, cell) in y.layout().cells() {
            let found = tiles[tile].get(slot).re;
            match cell {
                Cell::Element(e) => assert_eq!(found, expected[e as usize], "{} element {e}", y.shape),
                Cell::Zero => assert_eq!(found, 0.0, "{} tile {tile} slot {slot} is not zero", y.shape),
                Cell::Unknown => {}
            }
        }
    }
}

/// The tensor that `f` makes of broadcast elements.
fn zip(x: (&TileShape, &[f64]), y: (&TileShape, &[f64]), f: fn(f64, f64) -> f64) -> Vec<f64> {
    let (xs, ys) = (x.0.sizes(), y.0.sizes());
    let sizes: Vec<usize> = xs.iter().zip(&ys).map(|(a, b)| *a.max(b)).collect();
    tensor(&sizes, |at| f(element(&xs, x.1, at), element(&ys, y.1, at)))
}

fn summed(sizes: &[usize], values: &[f64], dim: usize) -> Vec<f64> {
    let mut reduced = sizes.to_vec();
    reduced[dim] = 1;
    tensor(&reduced, |at| {
        let mut at = at.to_vec();
        (0..sizes[dim])
            .map(|i| {
                at[dim] = i;
                element(sizes, values, &at)
            })
            .sum()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn additive_and_multiplicative((left, right) in pair(), op in 0..5) {
        let (xs, ys) = (values(&left, 1), values(&right, 2));
        let mut bench = Bench::new();
        let x = bench.input(&left, &xs);
        let (z, f): (_, fn(f64, f64) -> f64) = match op {
            0..=2 => {
                let y = bench.input(&right, &ys);
                match op {
                    0 => (add(&mut bench.b, &x, &y), |a, b| a + b),
                    1 => (sub(&mut bench.b, &x, &y), |a, b| a - b),
                    _ => (multiply(&mut bench.b, &x, &y), |a, b| a * b),
                }
            }
            _ => {
                let apply = if op == 3 { add_plain } else { multiply_plain };
                let (z, plain) = apply(&mut bench.b, &x, &right.cleared()).unwrap();
                plain.fill(&ys, &mut bench.plains).unwrap();
                prop_assert!(op == 3 || !z.shape.has_unknown());
                (Ok(z), if op == 3 { |a, b| a + b } else { |a, b| a * b })
            }
        };
        bench.expect(&z.unwrap(), &zip((&left, &xs), (&right, &ys), f));
    }

    #[test]
    fn sum_over_any_dimension(shape in shape(), dim in 0..3usize, radix in prop::sample::select(vec![2usize, 4, 8])) {
        let xs = values(&shape, 3);
        let mut bench = Bench::new();
        let x = bench.input(&shape, &xs);
        match sum(&mut bench.b, &x, dim, radix) {
            Ok(y) => {
                let d = shape.dims()[dim];
                let replicated = d.tile == 1 || d.is_broadcast() || shape.is_first(dim);
                prop_assert_eq!(y.shape.dims()[dim].unknown, !replicated);
                bench.expect(&y, &summed(&shape.sizes(), &xs, dim));
            }
            Err(e) => {
                let refused = matches!(e, TileError::Unknown { .. });
                prop_assert!(refused && shape.dims()[dim].unknown);
            }
        }
    }

    #[test]
    fn replication_of_one_element(shape in shape(), dim in 0..3usize) {
        let single = TileDim::plain(1, shape.dims()[dim].tile);
        let shape = shape.with_dim(dim, single).unwrap();
        let xs = values(&shape, 4);
        let mut bench = Bench::new();
        let x = bench.input(&shape, &xs);
        match replicate(&mut bench.b, &x, dim, 2) {
            Ok(y) => {
                prop_assert!(y.shape.dims()[dim].is_broadcast());
                bench.expect(&y, &xs);
            }
            Err(e) => {
                let refused = matches!(e, TileError::Unknown { .. });
                prop_assert!(refused && shape.dims()[..dim].iter().any(|d| d.unknown));
            }
        }
    }

    #[test]
    fn clearing_costs_one_level_or_none(shape in shape()) {
        let xs = values(&shape, 5);
        let mut bench = Bench::new();
        let x = bench.input(&shape, &xs);
        let y = clear(&mut bench.b, &x).unwrap();
        let level = bench.b.state(y.value).unwrap().level;
        prop_assert_eq!(level, if shape.has_unknown() { 5 } else { 6 });
        prop_assert!(!y.shape.has_unknown());
        bench.expect(&y, &xs);
    }

    #[test]
    fn rotation_along_a_dimension(shape in shape(), dim in 0..3usize, r in -40..40i32) {
        let xs = values(&shape, 6);
        let mut bench = Bench::new();
        let x = bench.input(&shape, &xs);
        if let Ok(y) = rotate(&mut bench.b, &x, dim, r) {
            let sizes = shape.sizes();
            let n = sizes[dim] as i32;
            let expected = tensor(&sizes, |at| {
                let mut at = at.to_vec();
                at[dim] = (at[dim] as i32 + r).rem_euclid(n) as usize;
                element(&sizes, &xs, &at)
            });
            bench.expect(&y, &expected);
        }
    }

    #[test]
    fn sum_repair_and_contract_again((left, right) in pair(), dim in 0..3usize) {
        let (xs, ys) = (values(&left, 7), values(&right, 8));
        let mut bench = Bench::new();
        let x = bench.input(&left, &xs);
        let (product, plain) = multiply_plain(&mut bench.b, &x, &right.cleared()).unwrap();
        plain.fill(&ys, &mut bench.plains).unwrap();
        let total = sum(&mut bench.b, &product, dim, 4).unwrap();
        let total = repair(&mut bench.b, &total, dim, 4).unwrap();
        prop_assert!(total.shape.dims()[dim].is_broadcast());
        // The mean-free product: replicated sums meet the unsummed tensor again.
        let z = add(&mut bench.b, &product, &total).unwrap();
        let products = zip((&left, &xs), (&right, &ys), |a, b| a * b);
        let sums = summed(&product.shape.sizes(), &products, dim);
        bench.expect(&z, &zip((&product.shape, &products), (&total.shape, &sums), |a, b| a + b));
    }
}

#[test]
fn matrix_products_chain_without_a_transpose() {
    // [b, a, *] [b, *, c] -> [*, a, c]; [*, a, c] [d, *, c] -> [d, a, 1?] -> [d, a, *]; [d, a, *] [d, *, e] -> [*, a, e].
    let (a, k, c, d, e) = (3, 2, 2, 2, 2);
    let shapes = [
        "[2/2, 3/4, */2]",
        "[2/2, */4, 2/2]",
        "[2/2, */4, 2/2]",
        "[2/2, */4, 2/2]",
    ];
    let shapes: Vec<TileShape> = shapes.iter().map(|s| s.parse().unwrap()).collect();
    let m: Vec<Vec<f64>> = shapes
        .iter()
        .enumerate()
        .map(|(i, s)| values(s, i as u64))
        .collect();
    let mut bench = Bench::new();
    bench.b = Builder::new(16, ChainView::uniform(6, 40.0));
    let t: Vec<TileTensor> = shapes.iter().zip(&m).map(|(s, v)| bench.input(s, v)).collect();
    let ac = contract(&mut bench.b, &t[0], &t[1], 0, 2).unwrap();
    assert_eq!(ac.shape.to_string(), "[*/2, 3/4, 2/2]");
    let da = contract(&mut bench.b, &ac, &t[2], 2, 2).unwrap();
    assert_eq!(da.shape.to_string(), "[2/2, 3/4, 1?/2]");
    let da = repair(&mut bench.b, &da, 2, 2).unwrap();
    assert_eq!(da.shape.to_string(), "[2/2, 3/4, */2]");
    let ae = contract(&mut bench.b, &da, &t[3], 0, 2).unwrap();
    assert_eq!(ae.shape.to_string(), "[*/2, 3/4, 2/2]");
    let p1 = tensor(&[a, c], |at| {
        (0..k).map(|i| m[0][i * a + at[0]] * m[1][i * c + at[1]]).sum()
    });
    let p2 = tensor(&[d, a], |at| {
        (0..c).map(|i| p1[at[1] * c + i] * m[2][at[0] * c + i]).sum()
    });
    let p3 = tensor(&[a, e], |at| {
        (0..d).map(|i| p2[i * a + at[0]] * m[3][i * e + at[1]]).sum()
    });
    bench.expect(&ae, &p3);
}

#[test]
fn matrix_times_vector_with_plain_weights() {
    let mut bench = Bench::new();
    let v: TileShape = "[*/4, 7/4]".parse().unwrap();
    let xs = values(&v, 1);
    let x = bench.input(&v, &xs);
    let weights: TileShape = "[5/4, 7/4]".parse().unwrap();
    let w = values(&weights, 2);
    let (y, plain) = contract_plain(&mut bench.b, &x, &weights, 1, 4).unwrap();
    plain.fill(&w, &mut bench.plains).unwrap();
    assert_eq!(y.shape.to_string(), "[5/4, 1?/4]");
    bench.expect(
        &y,
        &tensor(&[5], |at| (0..7).map(|i| w[at[0] * 7 + i] * xs[i]).sum()),
    );
}

#[test]
fn interleaved_rotation_turns_only_the_tiles_that_wrap() {
    let mut bench = Bench::new();
    let shape: TileShape = "[12~/4, */4]".parse().unwrap();
    let xs = values(&shape, 1);
    let x = bench.input(&shape, &xs);
    let y = rotate(&mut bench.b, &x, 0, 2).unwrap();
    let printed = bench.b.program().to_string();
    assert!(printed.contains("rotate %1: [0, 4, 4]"), "{printed}");
    bench.expect(&y, &tensor(&[12], |at| xs[(at[0] + 2) % 12]));
}

#[test]
fn refusals_say_what_is_missing() {
    let mut bench = Bench::new();
    let shape: TileShape = "[3?/4, 1/4]".parse().unwrap();
    let x = bench.input(&shape, &[1.0; 3]);
    let error = replicate(&mut bench.b, &x, 1, 2).unwrap_err().to_string();
    let expected = "replication needs zeros in the unused slots of dimension 0 (3?/4); help: clear it first, for one level";
    assert_eq!(error, expected);
    let error = rotate(&mut bench.b, &x, 0, 1).unwrap_err().to_string();
    assert_eq!(error, "rotation along dimension 0 (3?/4) needs no unused slots");
    let other: TileShape = "[2/4, 4/4]".parse().unwrap();
    let y = bench.input(&other, &[1.0; 8]);
    assert!(matches!(
        add(&mut bench.b, &x, &y),
        Err(TileError::Mismatch { dim: 0, .. })
    ));
}
