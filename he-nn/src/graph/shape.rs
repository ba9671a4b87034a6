//! Shapes of one sample, without the batch dimension: `[C, H, W]` for images, `[F]` for features.

use super::Message;

/// Largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 6;

/// Dimensions of a tensor, outermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [u32; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape {
        dims: [1; MAX_RANK],
        rank: 0,
    };

    /// A shape from its dimensions.
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] dimensions or a dimension beyond `u32`.
    #[track_caller]
    pub const fn new(dims: &[usize]) -> Shape {
        if dims.len() > MAX_RANK {
            Message::new("a tensor has at most 6 dimensions, and this one has ")
                .number(dims.len())
                .help("join dimensions")
                .raise();
        }
        let mut shape = Shape {
            dims: [1; MAX_RANK],
            rank: dims.len() as u8,
        };
        let mut i = 0;
        while i < dims.len() {
            if dims[i] > u32::MAX as usize {
                Message::new("a dimension is larger than 2^32 - 1")
                    .help("look at the expression that computed it")
                    .raise();
            }
            shape.dims[i] = dims[i] as u32;
            i += 1;
        }
        shape
    }

    /// Number of dimensions.
    pub const fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Dimension `axis`, counted from 0 without the batch.
    ///
    /// # Panics
    /// If `axis >= rank`.
    #[track_caller]
    pub const fn dim(&self, axis: usize) -> usize {
        self.check(axis);
        self.dims[axis] as usize
    }

    #[track_caller]
    const fn check(&self, axis: usize) {
        if axis >= self.rank as usize {
            Message::new("dimension ")
                .number(axis)
                .text(" of a tensor of ")
                .number(self.rank())
                .help("dimensions are counted from 0, and the batch is not one of them")
                .raise();
        }
    }

    /// Number of elements.
    pub const fn elements(&self) -> usize {
        let mut product = 1;
        let mut i = 0;
        while i < self.rank as usize {
            product *= self.dims[i] as usize;
            i += 1;
        }
        product
    }

    /// The dimensions as a vector.
    pub fn to_vec(&self) -> Vec<usize> {
        self.dims.iter().take(self.rank()).map(|&d| d as usize).collect()
    }

    /// Equality, in const code.
    pub const fn same(&self, other: &Shape) -> bool {
        if self.rank != other.rank {
            return false;
        }
        let mut i = 0;
        while i < self.rank as usize {
            if self.dims[i] != other.dims[i] {
                return false;
            }
            i += 1;
        }
        true
    }

    /// This shape with dimension `axis` set to `dim`.
    #[track_caller]
    pub(crate) const fn with(mut self, axis: usize, dim: usize) -> Shape {
        self.check(axis);
        self.dims[axis] = dim as u32;
        self
    }

    /// This shape without dimension `axis`.
    pub(crate) const fn without(self, axis: usize) -> Shape {
        let mut shape = Shape::SCALAR;
        let mut i = 0;
        while i < self.rank as usize {
            if i != axis {
                shape.dims[shape.rank as usize] = self.dims[i];
                shape.rank += 1;
            }
            i += 1;
        }
        shape
    }

    /// Shapes aligned at their last dimension, where a 1 stretches, as in PyTorch. `None` if they do not fit.
    pub const fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = if self.rank > other.rank {
            self.rank
        } else {
            other.rank
        } as usize;
        let mut shape = Shape {
            dims: [1; MAX_RANK],
            rank: rank as u8,
        };
        let mut back = 1;
        while back <= rank {
            let a = if back <= self.rank as usize {
                self.dims[self.rank as usize - back]
            } else {
                1
            };
            let b = if back <= other.rank as usize {
                other.dims[other.rank as usize - back]
            } else {
                1
            };
            shape.dims[rank - back] = if a == b || b == 1 {
                a
            } else if a == 1 {
                b
            } else {
                return None;
            };
            back += 1;
        }
        Some(shape)
    }
}

impl core::fmt::Display for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.to_vec())
    }
}

impl core::fmt::Debug for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_from_the_right() {
        let image = Shape::new(&[64, 8, 8]);
        assert_eq!(image.broadcast(&Shape::new(&[64, 1, 1])), Some(image));
        assert_eq!(Shape::new(&[8]).broadcast(&image), Some(image));
        assert_eq!(image.broadcast(&Shape::new(&[64])), None);
        assert_eq!(
            Shape::new(&[2, 1]).broadcast(&Shape::new(&[1, 3])),
            Some(Shape::new(&[2, 3]))
        );
    }

    #[test]
    fn dimensions_are_replaced_and_removed() {
        let image = Shape::new(&[3, 32, 16]);
        assert_eq!(image.elements(), 1536);
        assert_eq!(image.with(1, 4).to_vec(), [3, 4, 16]);
        assert_eq!(image.without(1).to_vec(), [3, 16]);
        assert_eq!(image.without(0).without(0).without(0), Shape::SCALAR);
        assert_eq!(image.to_string(), "[3, 32, 16]");
    }
}
