//! Complex packing: two real tiles in one ciphertext.
//!
//! A slot holds a complex number, so tiles t and t + h of a list, h half its length rounded up, can travel as `x_t + i x_(t+h)`. A
//! product with a plaintext is complex as well, and serves two real ones at once, in two ways:
//!
//! * *inputs merged*: `(a - i b)(x + i x') = (a x + b x') + i ..`, whose real part is half of `z + conj z`
//! * *outputs merged*: `(a + i b) x = a x + i b x`, whose parts are half of `z + conj z` and of `i (conj z - z)`
//!
//! Either halves the products, and costs one conjugation (a key switch) of every ciphertext of the result; the half goes into the
//! weights. The client merges the tiles of an input before encryption, where that is free and halves the request too.

use super::cover::Diagonal;

/// Which tiles of an affine step are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// None: products are real.
    #[default]
    None,
    /// Its input tiles.
    Inputs,
    /// Its output tiles.
    Outputs,
}

/// Number of ciphertexts of `tiles` merged tiles.
pub fn merged(tiles: usize) -> usize {
    tiles.div_ceil(2)
}

impl Merge {
    /// The product that serves a diagonal, and whether as its imaginary part. `tiles` is the number of tiles that are merged.
    pub fn product(self, diagonal: Diagonal, tiles: usize) -> (Diagonal, bool) {
        let half = merged(tiles) as u32;
        let part = |tile: u32| {
            if tile < half {
                (tile, false)
            } else {
                (tile - half, true)
            }
        };
        let mut product = diagonal;
        let imaginary = match self {
            Merge::None => false,
            Merge::Inputs => {
                let (input, imaginary) = part(diagonal.input);
                product.input = input;
                imaginary
            }
            Merge::Outputs => {
                let (output, imaginary) = part(diagonal.output);
                product.output = output;
                imaginary
            }
        };
        (product, imaginary)
    }

    /// Number of tiles that are merged, of a step with these many.
    pub fn tiles(self, inputs: usize, outputs: usize) -> usize {
        match self {
            Merge::None => 0,
            Merge::Inputs => inputs,
            Merge::Outputs => outputs,
        }
    }

    /// Those that are open to a step with so many tiles; `complex` ones are merged as they come.
    pub fn open_to(complex: bool, inputs: usize, outputs: usize) -> &'static [Merge] {
        match (complex, inputs, outputs) {
            (true, ..) => &[Merge::Inputs],
            (false, 1, 1) => &[Merge::None],
            (false, 1, _) => &[Merge::None, Merge::Outputs],
            (false, _, 1) => &[Merge::None, Merge::Inputs],
            (false, ..) => &[Merge::None, Merge::Inputs, Merge::Outputs],
        }
    }

    /// The distinct products of an ascending list of diagonals, ascending.
    pub fn products(self, diagonals: &[Diagonal], tiles: usize) -> Vec<Diagonal> {
        let product = |&diagonal: &Diagonal| self.product(diagonal, tiles);
        match self {
            Merge::None => diagonals.to_vec(),
            // Both halves are ascending: of all outputs, or of the inputs of each.
            Merge::Outputs => union(diagonals.iter().map(product)),
            Merge::Inputs => diagonals
                .chunk_by(|a, b| a.output == b.output)
                .flat_map(|group| union(group.iter().map(product)))
                .collect(),
        }
    }
}

/// The union of two ascending lists, of which the items of the second, marked, follow those of the first.
fn union(items: impl Iterator<Item = (Diagonal, bool)>) -> Vec<Diagonal> {
    let (second, first): (Vec<_>, Vec<_>) = items.partition(|(_, is_second)| *is_second);
    let (mut first, mut second) = (
        first.into_iter().map(|(product, _)| product).peekable(),
        second.into_iter().map(|(product, _)| product).peekable(),
    );
    let next = || match (first.peek(), second.peek()) {
        (Some(a), Some(b)) if a == b => {
            second.next();
            first.next()
        }
        (Some(a), Some(b)) if b < a => second.next(),
        (None, _) => second.next(),
        _ => first.next(),
    };
    std::iter::from_fn(next).collect()
}
