//! Polynomials: cubics in powers, longer ones as one operation of the engine, or in products of monic powers.
//!
//! The engine evaluates one row of Chebyshev coefficients on operands within `[-1, 1]`. Where no layer in front delivers such an
//! operand, or every channel has its own coefficients, the program is written out in products of the monic powers `t_n` of
//! [`chebyshev_to_products`](crate::approx::chebyshev_to_products): every coefficient is met in one product with a plaintext, every
//! `t_n` in one square, and the levels are the same.

use he_core::program::verify::VerifyError;
use he_core::program::{PlainClass, PlainInfo, Term, ValueId};

use super::{Power, Recipe, Writer};
use crate::plan::network::StepId;

impl Writer<'_> {
    /// `c * x` with coefficient `series`, one for all slots or one an element.
    fn times(
        &mut self,
        id: StepId,
        series: usize,
        x: ValueId,
        per_element: bool,
    ) -> Result<ValueId, VerifyError> {
        if !per_element {
            let plain = self.builder.factor(x, PlainClass::Constant, false)?;
            self.recipes.push(Recipe::Constant { step: id, series });
            return self.builder.scale(x, plain);
        }
        let layout = self.packing.layouts[id].clone();
        let mut terms = Vec::with_capacity(layout.tiles());
        for tile in 0..layout.tiles() {
            let (class, period, nonzeros) = self.elements(id, &layout, tile);
            let plain = self.builder.factor(x, class, false)?;
            self.recipes.push(Recipe::Elements {
                step: id,
                series,
                period,
                nonzeros,
            });
            terms.push(Term {
                output: tile as u32,
                giant: 0,
                input: tile as u32,
                baby: 0,
                plain,
            });
        }
        self.builder.linear(x, layout.tiles() as u32, terms)
    }

    /// `x + c` with coefficient `series`.
    fn plus(
        &mut self,
        id: StepId,
        series: usize,
        x: ValueId,
        per_element: bool,
    ) -> Result<ValueId, VerifyError> {
        if per_element {
            return self.add_elements(id, series, x);
        }
        let state = self.builder.state(x)?;
        let plain = self.builder.plaintext(PlainInfo {
            level: state.level,
            scale: state.scale,
            special: false,
            class: PlainClass::Constant,
            encrypted: false,
        });
        self.recipes.push(Recipe::Constant { step: id, series });
        self.builder.add_plain(x, vec![plain; state.tiles as usize])
    }

    /// Degrees 1 to 3 in ascending powers: `(c3 x + c2) x^2 + (c1 x + c0)`.
    pub(super) fn cubic(
        &mut self,
        id: StepId,
        x: ValueId,
        degree: u32,
        per_element: bool,
    ) -> Result<ValueId, VerifyError> {
        let linear = self.times(id, 1, x, per_element)?;
        let linear = self.plus(id, 0, linear, per_element)?;
        if degree == 1 {
            return Ok(linear);
        }
        let square = self.builder.square(x)?;
        let upper = if degree == 2 {
            self.times(id, 2, square, per_element)?
        } else {
            let factor = self.times(id, 3, x, per_element)?;
            let factor = self.plus(id, 2, factor, per_element)?;
            self.builder.multiply(factor, square)?
        };
        let [upper, linear] = self.level([upper, linear])?;
        self.builder.add(upper, linear)
    }

    /// As one operation on operands within `[-1, 1]`.
    pub(super) fn chebyshev(&mut self, id: StepId, x: ValueId, degree: u32) -> Result<ValueId, VerifyError> {
        let mut coefficients = Vec::with_capacity(degree as usize + 1);
        for series in 0..=degree as usize {
            coefficients.push(self.builder.coefficient(x)?);
            self.recipes.push(Recipe::Constant { step: id, series });
        }
        self.builder.polynomial(x, coefficients)
    }

    /// In products of monic powers. Series `degree + i` is the offset of `t_n`, `n = 2^i`.
    pub(super) fn products(
        &mut self,
        id: StepId,
        x: ValueId,
        degree: u32,
        per_element: bool,
    ) -> Result<ValueId, VerifyError> {
        let mut powers = vec![x];
        for i in 1..=degree.ilog2() {
            let square = self.builder.square(powers[i as usize - 1])?;
            let value = self.plus(id, (degree + i) as usize, square, false)?;
            self.powers.push(Power {
                value,
                step: id,
                n: 1 << i,
            });
            powers.push(value);
        }
        self.section(id, &powers, 0..degree as usize + 1, per_element)
    }

    /// The sum of the products with these coefficients, divided by the powers that all of them share.
    fn section(
        &mut self,
        id: StepId,
        powers: &[ValueId],
        coefficients: std::ops::Range<usize>,
        per_element: bool,
    ) -> Result<ValueId, VerifyError> {
        let (first, count) = (coefficients.start, coefficients.len());
        if count == 2 {
            let linear = self.times(id, first + 1, powers[0], per_element)?;
            return self.plus(id, first, linear, per_element);
        }
        let digit = (count - 1).ilog2();
        let (power, middle) = (powers[digit as usize], first + (1 << digit));
        let upper = if middle + 1 == coefficients.end {
            self.times(id, middle, power, per_element)?
        } else {
            let quotient = self.section(id, powers, middle..coefficients.end, per_element)?;
            let [quotient, power] = self.level([quotient, power])?;
            self.builder.multiply(quotient, power)?
        };
        let lower = self.section(id, powers, first..middle, per_element)?;
        let [upper, lower] = self.level([upper, lower])?;
        self.builder.add(upper, lower)
    }

    /// Both at the lower of their levels.
    fn level(&mut self, [a, b]: [ValueId; 2]) -> Result<[ValueId; 2], VerifyError> {
        let level = self.builder.state(a)?.level.min(self.builder.state(b)?.level);
        Ok([self.builder.adjust(a, level)?, self.builder.adjust(b, level)?])
    }
}
