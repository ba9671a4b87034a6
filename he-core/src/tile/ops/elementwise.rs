//! Slot-wise sums and products, with broadcasting along replicated dimensions.
//!
//! Flags of the result, as sets of dimensions (notation in [`ops`](super)); `D = D_x` united with `D_y`:
//! * sum: zero needs zeros on both sides, so `X`, `Y` and the dimensions where only one side has unused slots are unknown.
//! * product: a zero on either side suffices. Three sets are sound: `X` with `D - D_x`; `Y` with `D - D_y`; `X` with `Y`. The
//!   smallest is taken. The intersection of `X` and `Y` is not sound: a cell unused along one dimension of each may be unknown on
//!   both sides.
//! * plaintext operands hold zeros wherever the other side is not an element, so a product with a plaintext clears unknown slots for
//!   nothing.

use super::super::layout::{Cell, Layout};
use super::super::shape::{TileDim, TileShape};
use super::super::tensor::{PlainTensor, TileError, TileTensor, broadcast, coordinates, expand};
use crate::program::verify::VerifyError;
use crate::program::{Builder, Term, ValueId};

/// `x + y`.
pub fn add(b: &mut Builder, x: &TileTensor, y: &TileTensor) -> Result<TileTensor, TileError> {
    pairwise(b, x, y, Builder::add, sum_flags)
}

/// `x - y`.
pub fn sub(b: &mut Builder, x: &TileTensor, y: &TileTensor) -> Result<TileTensor, TileError> {
    pairwise(b, x, y, Builder::sub, sum_flags)
}

/// `x ⊙ y`: one level.
pub fn multiply(b: &mut Builder, x: &TileTensor, y: &TileTensor) -> Result<TileTensor, TileError> {
    pairwise(b, x, y, Builder::multiply, product_flags)
}

/// An operation on two encrypted tensors, and what it leaves unknown.
fn pairwise(
    b: &mut Builder,
    x: &TileTensor,
    y: &TileTensor,
    operation: fn(&mut Builder, ValueId, ValueId) -> Result<ValueId, VerifyError>,
    flags: fn(&TileShape, &TileShape) -> Vec<bool>,
) -> Result<TileTensor, TileError> {
    let (shape, left, right) = operands(b, x, y)?;
    let value = operation(b, left, right)?;
    Ok(TileTensor {
        shape: flagged(&shape, &flags(&x.shape, &y.shape))?,
        value,
    })
}

/// `x + p` for a plain tensor of shape `plain`.
pub fn add_plain(
    b: &mut Builder,
    x: &TileTensor,
    plain: &TileShape,
) -> Result<(TileTensor, PlainTensor), TileError> {
    let shape = broadcast(&x.shape, plain)?;
    let left = expand(b, x, &shape)?;
    let layout = plain_layout(&shape, &x.shape, plain, true);
    let addends = PlainTensor::allocate(b, layout, |b, class| b.addend(left, class))?;
    let value = b.add_plain(left, addends.plain.clone())?;
    let flags = each(&x.shape, plain, |x, p| {
        x.unknown || (p.has_unused() && !x.has_unused())
    });
    Ok((
        TileTensor {
            shape: flagged(&shape, &flags)?,
            value,
        },
        addends,
    ))
}

/// `x ⊙ p` for a plain tensor of shape `plain`: one level, and no slot of the result is unknown.
pub fn multiply_plain(
    b: &mut Builder,
    x: &TileTensor,
    plain: &TileShape,
) -> Result<(TileTensor, PlainTensor), TileError> {
    let shape = broadcast(&x.shape, plain)?;
    let left = expand(b, x, &shape)?;
    // Without unknown slots the operand's own zeros do the work, and the plaintext keeps its period.
    let layout = plain_layout(&shape, &x.shape, plain, x.shape.has_unknown());
    let factors = PlainTensor::allocate(b, layout, |b, class| b.factor(left, class, false))?;
    let term = |(i, &plain)| Term {
        output: i as u32,
        giant: 0,
        input: i as u32,
        baby: 0,
        plain,
    };
    let terms = factors.plain.iter().enumerate().map(term).collect();
    let value = b.linear(left, shape.tiles() as u32, terms)?;
    Ok((TileTensor { shape, value }, factors))
}

/// Both operands with the tiles of the shape they broadcast to, at the lower of their levels.
fn operands(
    b: &mut Builder,
    x: &TileTensor,
    y: &TileTensor,
) -> Result<(TileShape, ValueId, ValueId), TileError> {
    let shape = broadcast(&x.shape, &y.shape)?;
    let level = b.state(x.value)?.level.min(b.state(y.value)?.level);
    let at = |b: &mut Builder, x: &TileTensor| -> Result<ValueId, TileError> {
        let value = if b.state(x.value)?.level == level {
            x.value
        } else {
            b.adjust(x.value, level)?
        };
        expand(
            b,
            &TileTensor {
                shape: x.shape.clone(),
                value,
            },
            &shape,
        )
    };
    let left = at(b, x)?;
    let right = if x == y { left } else { at(b, y)? };
    Ok((shape, left, right))
}

/// The elements of a plain operand in the tiles of `shape`; with `masked`, zero wherever `x` holds no element.
fn plain_layout(shape: &TileShape, x: &TileShape, plain: &TileShape, masked: bool) -> Layout {
    let element = |of: &TileShape, at: &[(usize, usize)]| {
        of.dims().iter().zip(at).try_fold(0, |flat, (d, &(a, i))| {
            let a = if d.external() == 1 { 0 } else { a };
            Some(flat * d.size + d.element(a, i)?)
        })
    };
    Layout::from_fn(shape.tiles(), shape.slots(), |tile, slot| {
        let at = coordinates(shape, tile, slot);
        match element(plain, &at) {
            Some(e) if !masked || element(x, &at).is_some() => Cell::Element(e as u32),
            _ => Cell::Zero,
        }
    })
}

fn each(x: &TileShape, y: &TileShape, flag: impl Fn(&TileDim, &TileDim) -> bool) -> Vec<bool> {
    x.dims().iter().zip(y.dims()).map(|(x, y)| flag(x, y)).collect()
}

fn sum_flags(x: &TileShape, y: &TileShape) -> Vec<bool> {
    each(x, y, |x, y| {
        x.unknown || y.unknown || x.has_unused() != y.has_unused()
    })
}

fn product_flags(x: &TileShape, y: &TileShape) -> Vec<bool> {
    let by_left = each(x, y, |x, y| x.unknown || (y.has_unused() && !x.has_unused()));
    let by_right = each(x, y, |x, y| y.unknown || (x.has_unused() && !y.has_unused()));
    let by_both = each(x, y, |x, y| x.unknown || y.unknown);
    let size = |flags: &Vec<bool>| flags.iter().filter(|&&f| f).count();
    [by_left, by_right, by_both]
        .into_iter()
        .min_by_key(size)
        .unwrap_or_default()
}

fn flagged(shape: &TileShape, flags: &[bool]) -> Result<TileShape, TileError> {
    let dims = shape
        .dims()
        .iter()
        .zip(flags)
        .map(|(d, &unknown)| TileDim { unknown, ..*d })
        .collect();
    Ok(TileShape::new(dims)?)
}
