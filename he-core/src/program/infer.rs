//! The rule of every operation: tiles, level and scale of its result, from those of its operands.
//!
//! Notation as in [`chain`](super::chain). The builder fills [`ValueInfo`] with these rules and `verify` derives them anew, so the
//! two agree by construction and a program that was edited or decoded is checked by the same few lines.

use super::chain::{ChainView, same_scale};
pub use super::fault::Fault;
use super::op::{Op, PlainClass, PlainId, PlainInfo, Program, Term, ValueId, ValueInfo};
use crate::bootstrap::BootstrapSpec;

/// Tiles, level and scale of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// Number of ciphertexts.
    pub tiles: u32,
    /// Rescales left.
    pub level: u32,
    /// Scale.
    pub scale: f64,
}

impl From<&ValueInfo> for State {
    fn from(v: &ValueInfo) -> Self {
        Self {
            tiles: v.tiles,
            level: v.level,
            scale: v.scale,
        }
    }
}

/// Levels that a polynomial of `degree` needs in the Chebyshev basis: `ceil(log2(degree + 1))`.
pub const fn polynomial_levels(degree: u32) -> u32 {
    u32::BITS - degree.leading_zeros()
}

/// What the rules look at: everything defined before the operation.
pub struct Scope<'a> {
    /// Slots of a tile.
    pub slots: u32,
    /// The chain.
    pub chain: &'a ChainView,
    /// Values defined so far.
    pub values: &'a [ValueInfo],
    /// All plaintexts.
    pub plaintexts: &'a [PlainInfo],
    /// How ciphertexts are refreshed.
    pub bootstrap: Option<&'a BootstrapSpec>,
}

impl<'a> Scope<'a> {
    /// The scope of operation `index` of a program.
    pub fn of(program: &'a Program, chain: &'a ChainView, index: usize) -> Self {
        let values = &program.values[..index.min(program.values.len())];
        Self {
            slots: program.slots,
            chain,
            values,
            plaintexts: &program.plaintexts,
            bootstrap: program.bootstrap.as_ref(),
        }
    }

    fn value(&self, id: ValueId) -> Result<State, Fault> {
        let fault = Fault::Value {
            found: id.0,
            defined: self.values.len(),
        };
        self.values.get(id.0 as usize).map(State::from).ok_or(fault)
    }

    fn plain(&self, id: PlainId) -> Result<&'a PlainInfo, Fault> {
        let fault = Fault::Plain {
            found: id.0,
            allowed: self.plaintexts.len(),
        };
        let info = self.plaintexts.get(id.0 as usize).ok_or(fault)?;
        if info.encrypted {
            return Err(Fault::Encrypted { plain: id.0 });
        }
        if !(info.scale > 0.0 && info.scale.is_finite()) {
            return Err(Fault::NotAScale {
                role: "plaintext",
                found: info.scale,
            });
        }
        if let PlainClass::Periodic { period } = info.class
            && !(period.is_power_of_two() && period > 1 && period < self.slots)
        {
            return Err(Fault::Class {
                plain: id.0,
                expected: "of a period that is a power of two in 2..slots",
            });
        }
        Ok(info)
    }

    fn rotation(&self, r: i32) -> Result<(), Fault> {
        if r < 0 || r as u32 >= self.slots {
            return Err(Fault::Rotation {
                found: r,
                slots: self.slots,
            });
        }
        Ok(())
    }

    /// `x` after dropping one level at product scale `scale`.
    fn rescaled(&self, x: State, scale: f64) -> Result<State, Fault> {
        let dropped = self.chain.dropped(x.level).ok_or(Fault::Level {
            needed: 1,
            found: x.level,
        })?;
        Ok(State {
            level: x.level - 1,
            scale: scale / dropped,
            ..x
        })
    }

    fn canonical(&self, tiles: u32, level: u32) -> Result<State, Fault> {
        let fault = Fault::LevelBound {
            found: level,
            allowed: self.chain.top(),
        };
        Ok(State {
            tiles,
            level,
            scale: self.chain.scale(level).ok_or(fault)?,
        })
    }

    fn same_level(role: &'static str, expected: u32, found: u32) -> Result<(), Fault> {
        if expected == found {
            Ok(())
        } else {
            Err(Fault::LevelMismatch {
                role,
                expected,
                found,
            })
        }
    }

    fn same_scale(role: &'static str, expected: f64, found: f64) -> Result<(), Fault> {
        if same_scale(expected, found) {
            Ok(())
        } else {
            Err(Fault::Scale {
                role,
                expected,
                found,
            })
        }
    }

    fn same_tiles(role: &'static str, expected: u32, found: u32) -> Result<(), Fault> {
        if expected == found {
            Ok(())
        } else {
            Err(Fault::Tiles {
                role,
                expected,
                found,
            })
        }
    }

    /// Tiles, level and scale of the result of `op`. `declared` is what an input says of itself: its level is its own choice.
    pub fn infer(&self, op: &Op, declared: State) -> Result<State, Fault> {
        match op {
            Op::Input { .. } => {
                if declared.tiles == 0 {
                    return Err(Fault::Empty { role: "input" });
                }
                self.canonical(declared.tiles, declared.level)
            }
            Op::Linear {
                x,
                outputs,
                terms,
                rescale,
            } => self.linear(*x, *outputs, terms, *rescale),
            Op::RotateSum { x, stages } => self.rotate_sum(*x, stages),
            Op::Rotate { x, by } => {
                let x = self.value(*x)?;
                Self::same_tiles("rotations", x.tiles, by.len() as u32)?;
                by.iter().try_for_each(|&r| self.rotation(r))?;
                Ok(x)
            }
            Op::Add { x, y } | Op::Sub { x, y } => {
                let (x, y) = (self.value(*x)?, self.value(*y)?);
                Self::same_tiles("right operand", x.tiles, y.tiles)?;
                Self::same_level("right operand", x.level, y.level)?;
                Self::same_scale("right operand", x.scale, y.scale)?;
                Ok(x)
            }
            Op::AddPlain { x, plain } => {
                let x = self.value(*x)?;
                Self::same_tiles("addend", x.tiles, plain.len() as u32)?;
                for &p in plain {
                    let info = self.plain(p)?;
                    Self::same_level("addend", x.level, info.level)?;
                    Self::same_scale("addend", x.scale, info.scale)?;
                }
                Ok(x)
            }
            Op::Multiply { x, y } => {
                let (x, y) = (self.value(*x)?, self.value(*y)?);
                Self::same_tiles("right operand", x.tiles, y.tiles)?;
                Self::same_level("right operand", x.level, y.level)?;
                self.rescaled(x, x.scale * y.scale)
            }
            Op::Square { x } => {
                let x = self.value(*x)?;
                self.rescaled(x, x.scale * x.scale)
            }
            Op::Scale { x, plain } => {
                let x = self.value(*x)?;
                let info = self.plain(*plain)?;
                if info.class != PlainClass::Constant {
                    return Err(Fault::Class {
                        plain: plain.0,
                        expected: "constant",
                    });
                }
                Self::same_level("factor", x.level, info.level)?;
                self.rescaled(x, x.scale * info.scale)
            }
            Op::Conjugate { x } | Op::MulI { x } => self.value(*x),
            Op::Adjust { x, level } => {
                let x = self.value(*x)?;
                if *level >= x.level {
                    let below = x
                        .level
                        .checked_sub(1)
                        .ok_or(Fault::Level { needed: 1, found: 0 })?;
                    return Err(Fault::LevelBound {
                        found: *level,
                        allowed: below,
                    });
                }
                self.canonical(x.tiles, *level)
            }
            Op::Gather { parts } => {
                let mut parts = parts.iter().map(|&p| self.value(p));
                let mut sum = parts.next().ok_or(Fault::Empty { role: "gather" })??;
                for part in parts {
                    let part = part?;
                    Self::same_level("part", sum.level, part.level)?;
                    Self::same_scale("part", sum.scale, part.scale)?;
                    sum.tiles = sum.tiles.saturating_add(part.tiles);
                }
                Ok(sum)
            }
            Op::Select { x, tiles } => {
                let x = self.value(*x)?;
                if tiles.is_empty() {
                    return Err(Fault::Empty { role: "selection" });
                }
                for &tile in tiles {
                    if tile >= x.tiles {
                        return Err(Fault::Tile {
                            role: "selected",
                            found: tile,
                            allowed: x.tiles,
                        });
                    }
                }
                Ok(State {
                    tiles: tiles.len() as u32,
                    ..x
                })
            }
            Op::Polynomial { x, coefficients } => self.polynomial(*x, coefficients),
            Op::Refresh { x, bound } => self.refresh(*x, *bound),
        }
    }

    fn linear(&self, x: ValueId, outputs: u32, terms: &[Term], rescale: bool) -> Result<State, Fault> {
        let x = self.value(x)?;
        let mut factor = None;
        let mut next_output = 0;
        let key = |t: &Term| (t.output, t.giant, t.input, t.baby);
        for (index, term) in terms.iter().enumerate() {
            self.rotation(term.giant)?;
            self.rotation(term.baby)?;
            if term.input >= x.tiles {
                return Err(Fault::Tile {
                    role: "input",
                    found: term.input,
                    allowed: x.tiles,
                });
            }
            if term.output >= outputs {
                return Err(Fault::Tile {
                    role: "output",
                    found: term.output,
                    allowed: outputs,
                });
            }
            if index > 0 && key(&terms[index - 1]) >= key(term) {
                return Err(Fault::Order { index });
            }
            match term.output.cmp(&next_output) {
                std::cmp::Ordering::Greater => return Err(Fault::EmptyOutput { output: next_output }),
                std::cmp::Ordering::Equal => next_output += 1,
                std::cmp::Ordering::Less => {}
            }
            let info = self.plain(term.plain)?;
            Self::same_level("factor", x.level, info.level)?;
            let scale = *factor.get_or_insert(info.scale);
            Self::same_scale("factor", scale, info.scale)?;
        }
        if next_output < outputs {
            return Err(Fault::EmptyOutput { output: next_output });
        }
        let factor = factor.ok_or(Fault::Empty {
            role: "linear operation",
        })?;
        let product = State {
            tiles: outputs,
            level: x.level,
            scale: x.scale * factor,
        };
        if rescale {
            self.rescaled(product, product.scale)
        } else {
            Ok(product)
        }
    }

    fn rotate_sum(&self, x: ValueId, stages: &[Vec<i32>]) -> Result<State, Fault> {
        let x = self.value(x)?;
        if stages.is_empty() {
            return Err(Fault::Empty { role: "rotate-sum" });
        }
        for (stage, rotations) in stages.iter().enumerate() {
            rotations.iter().try_for_each(|&r| self.rotation(r))?;
            let ascending = rotations.windows(2).all(|w| w[0] < w[1]);
            if rotations.len() < 2 || rotations[0] != 0 || !ascending {
                return Err(Fault::Stage { stage });
            }
        }
        Ok(x)
    }

    fn refresh(&self, x: ValueId, bound: f64) -> Result<State, Fault> {
        let x = self.value(x)?;
        let spec = self.bootstrap.ok_or(Fault::Bootstrap)?;
        if !(bound > 0.0 && bound.is_finite()) {
            return Err(Fault::Bound { found: bound });
        }
        let entry = spec.entry_level() as u32;
        match x.level.cmp(&entry) {
            std::cmp::Ordering::Less => {
                return Err(Fault::Level {
                    needed: entry,
                    found: x.level,
                });
            }
            std::cmp::Ordering::Equal => {
                let expected = self.chain.scale(entry).unwrap_or(f64::NAN) / bound;
                Self::same_scale("refreshed operand", expected, x.scale)?;
            }
            std::cmp::Ordering::Greater => {}
        }
        self.canonical(x.tiles, spec.refreshed_level() as u32)
    }

    fn polynomial(&self, x: ValueId, coefficients: &[PlainId]) -> Result<State, Fault> {
        let x = self.value(x)?;
        if coefficients.len() < 2 {
            return Err(Fault::Empty { role: "polynomial" });
        }
        let expected = self.chain.scale(x.level).unwrap_or(f64::NAN);
        Self::same_scale("polynomial operand", expected, x.scale)?;
        for &p in coefficients {
            if self.plain(p)?.class != PlainClass::Constant {
                return Err(Fault::Class {
                    plain: p.0,
                    expected: "constant",
                });
            }
        }
        let needed = polynomial_levels(coefficients.len() as u32 - 1);
        let level = x.level.checked_sub(needed).ok_or(Fault::Level {
            needed,
            found: x.level,
        })?;
        self.canonical(x.tiles, level)
    }
}
