//! Typical sizes: which values inherit one, and where an error may be measured by it.
//!
//! A typical size T bounds the root mean square of |slot| over the elements of one tensor, L the largest of them. An operation that
//! treats every element by itself keeps the set of elements, so T follows from the operands': `rms(x + y) <= T_x + T_y` (Minkowski),
//! `rms(x y) <= min(L_x T_y, T_x L_y)` (Hoelder), hence `rms(x^2) <= L T` where the bound by the largest would be L^2. Sums over
//! elements start a new tensor, about which only the caller knows something.
//!
//! The error `x e` of a product has mean square `T^2 sigma^2` over the elements. That is what counts once a later operation adds
//! many of them up; an output that shows the elements one by one also shows the one with |x| = L. So T is used only where every way to
//! an output leads through a sum.

use super::BoundError;
use super::pass::Pass;
use crate::program::clear::fetch;
use crate::program::op::{Op, PlainId, Program, Term, ValueId};

/// Whether an operation adds slots of one tensor up.
pub(super) fn sums(op: &Op) -> bool {
    match op {
        Op::Linear { terms, .. } => !by_itself(terms),
        Op::RotateSum { stages, .. } => stages.iter().any(|stage| stage.len() > 1),
        _ => false,
    }
}

/// Products that turn nothing and add nothing: one plaintext for every output.
fn by_itself(terms: &[Term]) -> bool {
    terms.iter().all(|term| term.baby == 0 && term.giant == 0)
        && terms.windows(2).all(|pair| pair[0].output != pair[1].output)
}

/// For every value, whether each way from it to an output leads through a sum.
pub(super) fn spread(program: &Program) -> Vec<bool> {
    let mut spread = vec![true; program.ops.len()];
    for port in &program.outputs {
        spread[port.value.0 as usize] = false;
    }
    for (index, op) in program.ops.iter().enumerate().rev() {
        if !spread[index] && !sums(op) {
            for operand in op.operands() {
                spread[operand.0 as usize] = false;
            }
        }
    }
    spread
}

impl Pass<'_> {
    /// The typical size that the result of `op` inherits from its operands; infinite if there is none.
    pub(super) fn typical(&self, op: &Op) -> Result<f64, BoundError> {
        let of = |id: &ValueId| self.tiles(*id).iter().map(|t| t.typical).fold(0.0, f64::max);
        let plains = |ids: Vec<PlainId>| {
            ids.into_iter().try_fold(0.0f64, |most, id| {
                fetch(self.plains, id, self.slots()).map(|plain| most.max(plain.max_abs()))
            })
        };
        Ok(match op {
            Op::Add { x, y } | Op::Sub { x, y } => of(x) + of(y),
            Op::Multiply { x, y } => (self.largest(*x) * of(y)).min(of(x) * self.largest(*y)),
            Op::Square { x } => self.largest(*x) * of(x),
            Op::AddPlain { x, plain } => of(x) + plains(plain.clone())?,
            Op::Scale { x, plain } => of(x) * plains(vec![*plain])?,
            Op::Linear { x, terms, .. } if by_itself(terms) && of(x).is_finite() => {
                of(x) * plains(terms.iter().map(|term| term.plain).collect())?
            }
            Op::Adjust { x, .. } | Op::Rotate { x, .. } | Op::Conjugate { x } | Op::MulI { x } => of(x),
            Op::Refresh { x, .. } => of(x),
            Op::Select { x, .. } => of(x),
            Op::Gather { parts } => parts.iter().map(of).fold(0.0, f64::max),
            Op::Input { .. } | Op::Linear { .. } | Op::RotateSum { .. } | Op::Polynomial { .. } => {
                f64::INFINITY
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::params::{ChainSpec, InsecureChain};
    use crate::program::error::{Assumptions, Encryption, Range, bound};
    use crate::program::{Builder, ChainView, PlainClass, PlainValues, Slots, ValueId, Verified};

    const SLOTS: usize = 256;

    fn chain() -> InsecureChain {
        let spec = ChainSpec {
            log_n: 9,
            base_bits: 50,
            level_bits: vec![40; 3],
            special_bits: vec![45; 2],
            terminal_bits: vec![],
            log2_scale: 40.0,
        };
        spec.build_insecure().unwrap()
    }

    fn program(write: impl FnOnce(&mut Builder, ValueId) -> ValueId) -> Verified {
        let mut b = Builder::new(SLOTS as u32, ChainView::from(chain().chain()));
        let x = b.input("x", 1, 3).unwrap();
        let y = write(&mut b, x);
        b.output("y", y);
        b.finish().unwrap().0
    }

    /// The deviation of every value, for an input of typical size `typical`.
    fn sigmas(program: &Verified, plains: &PlainValues, typical: f64) -> Vec<f64> {
        let mut ranges = vec![Range::UNKNOWN; program.ops.len()];
        ranges[0] = Range {
            largest: 1.0,
            typical,
        };
        let assumptions = Assumptions {
            inputs: &[vec![Slots::from(vec![1.0; SLOTS])]],
            ranges: &ranges,
            contracts: &[],
            encryption: Encryption::Secret,
            samples: 12,
        };
        let report = bound(program, chain().chain(), plains, &assumptions).unwrap();
        report.values.iter().map(|value| value.sigma).collect()
    }

    #[test]
    fn outputs_that_show_their_elements_take_the_largest() {
        let plains = PlainValues::default();
        let shown = program(|b, x| b.square(x).unwrap());
        assert_eq!(sigmas(&shown, &plains, 0.01), sigmas(&shown, &plains, 1.0));
        // The same square, added up by one output and shown by another: the one that is shown decides.
        let both = program(|b, x| {
            let y = b.square(x).unwrap();
            let sum = b.rotate_sum(y, &[vec![0, 1]]).unwrap();
            b.output("sum", sum);
            y
        });
        assert_eq!(sigmas(&both, &plains, 0.01), sigmas(&both, &plains, 1.0));
        let added = program(|b, x| {
            let y = b.square(x).unwrap();
            b.rotate_sum(y, &[vec![0, 1]]).unwrap()
        });
        assert!(sigmas(&added, &plains, 0.01)[2] < 0.8 * sigmas(&added, &plains, 1.0)[2]);
    }

    /// `(3 x + 0.25) x^2`: the typical size of `x` reaches the last product through every factor.
    #[test]
    fn typical_sizes_pass_through_what_treats_elements_by_themselves() {
        let mut plains = PlainValues::default();
        let cubic = program(|b, x| {
            let square = b.square(x).unwrap();
            let three = b.factor(x, PlainClass::Constant, false).unwrap();
            plains.insert(three, 3.0);
            let line = b.scale(x, three).unwrap();
            let shift = b.addend(line, PlainClass::Constant).unwrap();
            plains.insert(shift, 0.25);
            let line = b.add_plain(line, vec![shift]).unwrap();
            let y = b.multiply(line, square).unwrap();
            b.rotate_sum(y, &[vec![0, 1, 2, 3]]).unwrap()
        });
        let (typical, largest) = (sigmas(&cubic, &plains, 0.125), sigmas(&cubic, &plains, 1.0));
        let product = cubic.ops.iter().position(|op| op.name() == "multiply").unwrap();
        // First order: 3.25 e_square + 1 e_line against 0.625 e_square + 0.125 e_line, and the roundings that both have.
        let gain = largest[product] / typical[product];
        assert!((3.0..9.0).contains(&gain), "{gain}");
    }
}
