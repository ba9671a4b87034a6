//! Prints a program, one operation a line.
//!
//! `%3 = square %2 ; 4 tiles, level 2, scale 2^40.0000`: value, operation, operands, then what the result is. Rotations of a linear
//! operation are summarised: how many products, how many distinct baby and giant steps.

use std::fmt;

use super::op::{Op, PlainClass, PlainId, Program, Term, ValueId};

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl fmt::Display for PlainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Display for PlainClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Periodic { period } => write!(f, "period {period}"),
            Self::General => f.write_str("general"),
        }
    }
}

/// A list of ids: all of a short one, both ends of a long one.
struct Ids<'a>(&'a [PlainId]);

impl fmt::Display for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [first, .., last] if self.0.len() > 4 => write!(f, "[{first} .. {last}; {}]", self.0.len()),
            ids => {
                let ids: Vec<String> = ids.iter().map(PlainId::to_string).collect();
                write!(f, "[{}]", ids.join(" "))
            }
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Input { index } => write!(f, " {index}"),
            Self::Linear {
                x,
                outputs,
                terms,
                rescale,
            } => {
                let (babies, giants) = (Term::babies(terms).len(), Term::giants(terms).len());
                let terms = terms.len();
                write!(
                    f,
                    " {x}: {terms} terms to {outputs}, {babies} babies, {giants} giants"
                )?;
                if *rescale {
                    Ok(())
                } else {
                    f.write_str(", not rescaled")
                }
            }
            Self::RotateSum { x, stages } => write!(f, " {x}: {stages:?}"),
            Self::Rotate { x, by } => write!(f, " {x}: {by:?}"),
            Self::Add { x, y } | Self::Sub { x, y } | Self::Multiply { x, y } => write!(f, " {x} {y}"),
            Self::AddPlain { x, plain } => write!(f, " {x} {}", Ids(plain)),
            Self::Scale { x, plain } => write!(f, " {x} {plain}"),
            Self::Square { x } | Self::Conjugate { x } | Self::MulI { x } => write!(f, " {x}"),
            Self::Adjust { x, level } => write!(f, " {x} to {level}"),
            Self::Refresh { x, bound } => write!(f, " {x} within {bound:.4}"),
            Self::Gather { parts } => parts.iter().try_for_each(|p| write!(f, " {p}")),
            Self::Select { x, tiles } => write!(f, " {x}: {tiles:?}"),
            Self::Polynomial { x, coefficients } => write!(f, " {x} {}", Ids(coefficients)),
        }
    }
}

/// The terms of a linear operation, one a line: what [`Op`]'s own line only counts.
pub fn terms(terms: &[Term]) -> String {
    let line = |t: &Term| {
        let Term {
            output,
            giant,
            input,
            baby,
            plain,
        } = t;
        format!("y{output} += rot {giant} ({plain} * rot {baby} x{input})\n")
    };
    terms.iter().map(line).collect()
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "program on {} slots, {} plaintexts",
            self.slots,
            self.plaintexts.len()
        )?;
        let mut layer = None;
        for (index, (op, info)) in self.ops.iter().zip(&self.values).enumerate() {
            if layer != Some(info.layer) {
                layer = Some(info.layer);
                writeln!(
                    f,
                    "{}:",
                    self.layers.get(info.layer as usize).map_or("?", String::as_str)
                )?;
            }
            let id = ValueId(index as u32);
            let tiles = if info.tiles == 1 { "tile" } else { "tiles" };
            let (count, level, scale) = (info.tiles, info.level, info.scale.log2());
            writeln!(
                f,
                "  {id} = {op} ; {count} {tiles}, level {level}, scale 2^{scale:.4}"
            )?;
        }
        for (role, ports) in [("input", &self.inputs), ("output", &self.outputs)] {
            ports
                .iter()
                .try_for_each(|p| writeln!(f, "{role} {} = {}", p.name, p.value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::program::{Builder, ChainView, PlainClass, Term};

    #[test]
    fn a_program_prints_as_it_runs() {
        let mut b = Builder::new(8, ChainView::uniform(4, 40.0));
        b.layer("fc1");
        let x = b.input("image", 2, 4).unwrap();
        let plain = b.factor(x, PlainClass::General, true).unwrap();
        let term = |input, baby, giant| Term {
            output: 0,
            giant,
            input,
            baby,
            plain,
        };
        let t = vec![term(0, 0, 0), term(0, -1, 0), term(1, 0, 2)];
        let listed = super::terms(&t);
        let y = b.linear(x, 1, t).unwrap();
        let y = b.rotate_sum(y, &[vec![0, 4]]).unwrap();
        let bias = b.addend(y, PlainClass::Constant).unwrap();
        let y = b.add_plain(y, vec![bias]).unwrap();
        b.layer("act");
        let s = b.square(y).unwrap();
        let y = b.adjust(y, 2).unwrap();
        let y = b.add(s, y).unwrap();
        let c = (0..6).map(|_| b.coefficient(y).unwrap()).collect();
        let y = b.select(y, vec![0, 0]).unwrap();
        let z = b.conjugate(y).unwrap();
        let y = b.gather(vec![y, z]).unwrap();
        b.output("logits", y);
        assert!(b.polynomial(y, c).is_err(), "degree 5 needs 3 levels");
        let expected = "\
program on 8 slots, 8 plaintexts
fc1:
  %0 = input 0 ; 2 tiles, level 4, scale 2^40.0000
  %1 = linear %0: 3 terms to 1, 1 babies, 1 giants ; 1 tile, level 3, scale 2^40.0000
  %2 = rotate_sum %1: [[0, 4]] ; 1 tile, level 3, scale 2^40.0000
  %3 = add_plain %2 [p1] ; 1 tile, level 3, scale 2^40.0000
act:
  %4 = square %3 ; 1 tile, level 2, scale 2^40.0000
  %5 = adjust %3 to 2 ; 1 tile, level 2, scale 2^40.0000
  %6 = add %4 %5 ; 1 tile, level 2, scale 2^40.0000
  %7 = select %6: [0, 0] ; 2 tiles, level 2, scale 2^40.0000
  %8 = conjugate %7 ; 2 tiles, level 2, scale 2^40.0000
  %9 = gather %7 %8 ; 4 tiles, level 2, scale 2^40.0000
input image = %0
output logits = %9
";
        assert_eq!(b.program().to_string(), expected);
        let expected = "\
y0 += rot 0 (p0 * rot 0 x0)
y0 += rot 0 (p0 * rot -1 x0)
y0 += rot 2 (p0 * rot 0 x1)
";
        assert_eq!(listed, expected);
    }
}
