//! A dimension in the tile-tensor notation.
//!
//! A tensor dimension of `size` elements is cut into tiles of `tile` slots; `external` tiles are needed. Element `o` of the
//! dimension, tile index `a` and index `i` inside the tile:
//!
//! | written | meaning | element at (a, i) |
//! |---|---|---|
//! | `n/t` | contiguous blocks | `o = t a + i` |
//! | `n` | one element a tile, `n/1` | `o = a` |
//! | `n~/t` | interleaved: neighbours sit in different tiles at one slot | `o = e i + a` |
//! | `n(~e)/t` | interleaved with a forced external size `e >= ceil(n/t)` | `o = e i + a` |
//! | `*/t` | one element, replicated `t` times | `o = 0` |
//! | `n?/t` | as `n/t`; what stands in unused slots is unknown, elsewhere it is zero | |
//! | `n~?/t` | as `n~/t`; unused slots unknown | |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::shape::ShapeError;

/// How a dimension lies in its tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Contiguous blocks.
    Plain,
    /// Neighbours in different tiles.
    Interleaved {
        /// Number of tiles along the dimension.
        external: usize,
    },
    /// One element in every slot.
    Replicated,
}

/// One dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TileDim {
    /// Elements.
    pub size: usize,
    /// Slots in a tile.
    pub tile: usize,
    /// Arrangement.
    pub kind: Kind,
    /// Whether unused slots hold unknown values; they are zero otherwise.
    pub unknown: bool,
}

impl TileDim {
    /// `size/tile`.
    pub const fn plain(size: usize, tile: usize) -> Self {
        Self {
            size,
            tile,
            kind: Kind::Plain,
            unknown: false,
        }
    }

    /// `size~/tile`, with the smallest external size.
    pub const fn interleaved(size: usize, tile: usize) -> Self {
        Self {
            size,
            tile,
            kind: Kind::Interleaved {
                external: size.div_ceil(tile),
            },
            unknown: false,
        }
    }

    /// `*/tile`.
    pub const fn replicated(tile: usize) -> Self {
        Self {
            size: 1,
            tile,
            kind: Kind::Replicated,
            unknown: false,
        }
    }

    /// The same dimension with unknown unused slots.
    pub const fn unknown(self) -> Self {
        Self {
            unknown: true,
            ..self
        }
    }

    /// Tiles along the dimension.
    pub const fn external(&self) -> usize {
        match self.kind {
            Kind::Plain => self.size.div_ceil(self.tile),
            Kind::Interleaved { external } => external,
            Kind::Replicated => 1,
        }
    }

    /// Whether some slot holds no element.
    pub const fn has_unused(&self) -> bool {
        !matches!(self.kind, Kind::Replicated) && self.external() * self.tile > self.size
    }

    /// Whether every slot holds the one element: replicated, or a single slot of a single tile.
    pub const fn is_broadcast(&self) -> bool {
        matches!(self.kind, Kind::Replicated) || (self.size == 1 && self.tile == 1 && self.external() == 1)
    }

    /// Element in tile `a` at index `i`, if one is there.
    pub const fn element(&self, a: usize, i: usize) -> Option<usize> {
        let o = match self.kind {
            Kind::Plain => self.tile * a + i,
            Kind::Interleaved { external } => external * i + a,
            Kind::Replicated => 0,
        };
        if o < self.size { Some(o) } else { None }
    }

    /// Checks the invariants of a dimension, and clears an unknown flag that refers to no slot.
    pub fn checked(mut self) -> Result<Self, ShapeError> {
        if self.size == 0 {
            return Err(ShapeError::Zero {
                role: "the size of a dimension",
            });
        }
        if self.tile == 0 {
            return Err(ShapeError::Zero { role: "a tile size" });
        }
        let needed = self.size.div_ceil(self.tile);
        match self.kind {
            Kind::Interleaved { external } if external < needed => {
                let Self { size, tile, .. } = self;
                return Err(ShapeError::External {
                    found: external,
                    needed,
                    size,
                    tile,
                });
            }
            Kind::Replicated if self.size != 1 => return Err(ShapeError::Replicated { found: self.size }),
            _ => {}
        }
        self.unknown &= self
            .external()
            .checked_mul(self.tile)
            .ok_or(ShapeError::TooLarge)?
            > self.size;
        self.unknown &= self.kind != Kind::Replicated;
        Ok(self)
    }
}

impl fmt::Display for TileDim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Replicated => f.write_str("*")?,
            Kind::Plain => write!(f, "{}", self.size)?,
            Kind::Interleaved { external } if external == self.size.div_ceil(self.tile) => {
                write!(f, "{}~", self.size)?
            }
            Kind::Interleaved { external } => write!(f, "{}(~{external})", self.size)?,
        }
        if self.unknown {
            f.write_str("?")?;
        }
        if self.tile == 1 && self.kind == Kind::Plain {
            Ok(())
        } else {
            write!(f, "/{}", self.tile)
        }
    }
}

impl FromStr for TileDim {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let syntax = || ShapeError::Syntax {
            found: text.trim().to_owned(),
        };
        let number = |s: &str| s.trim().parse::<usize>().map_err(|_| syntax());
        let (head, tile) = match text.trim().split_once('/') {
            Some((head, tile)) => (head.trim(), number(tile)?),
            None => (text.trim(), 1),
        };
        let (head, unknown) = head.strip_suffix('?').map_or((head, false), |h| (h.trim(), true));
        let dim = if head == "*" {
            Self::replicated(tile)
        } else if let Some(size) = head.strip_suffix('~') {
            let size = number(size)?;
            Self {
                kind: Kind::Interleaved {
                    external: size.div_ceil(tile.max(1)),
                },
                ..Self::plain(size, tile)
            }
        } else if let Some(forced) = head.strip_suffix(')') {
            let (size, external) = forced.split_once("(~").ok_or_else(syntax)?;
            Self {
                kind: Kind::Interleaved {
                    external: number(external)?,
                },
                ..Self::plain(number(size)?, tile)
            }
        } else {
            Self::plain(number(head)?, tile)
        };
        Self { unknown, ..dim }.checked()
    }
}
