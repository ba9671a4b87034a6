//! All that a client knows of a plan.
//!
//! A specification follows from shapes and plan alone: weights never enter it, so it tells a client nothing about them.

use he_core::ckks::{EncapsulationKeys, KeySpec};
use he_core::params::Chain;
use he_core::tile::arrangement::Arrangement;
use he_core::tile::layout::{Cell, Layout};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::wire::{Kind, open, seal};

/// Parameters, ports and keys of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Name of the model.
    pub model: String,
    /// Digest of the plan, which every message carries.
    pub plan_digest: [u8; 32],
    /// The modulus chain.
    pub chain: Chain,
    /// Most samples of a request.
    pub batch: u32,
    /// What is encrypted.
    pub inputs: Vec<InputPort>,
    /// What is decrypted.
    pub outputs: Vec<OutputPort>,
    /// The evaluation keys that the program needs.
    pub keys: KeySpec,
    /// Whether it refreshes ciphertexts, which takes encapsulation keys too.
    pub encapsulation: bool,
}

/// One input of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputPort {
    /// Its name.
    pub name: String,
    /// Shape of one sample.
    pub shape: Vec<u32>,
    /// Largest absolute value that may be sent.
    pub range: f64,
    /// Level at which it is encrypted.
    pub level: u32,
    /// Where the tensor `[batch, shape..]` stands, in tiles of real numbers.
    pub arrangement: Arrangement,
    /// Whether a ciphertext holds two of these tiles, the second half of them as imaginary parts.
    pub complex: bool,
}

/// What the slots of one ciphertext hold.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotNumbers {
    /// Real parts.
    pub re: Vec<f64>,
    /// Imaginary parts, or nothing where all numbers are real.
    pub im: Vec<f64>,
}

/// One output of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputPort {
    /// Its name.
    pub name: String,
    /// Shape of one sample.
    pub shape: Vec<u32>,
    /// Level at which it comes back.
    pub level: u32,
    /// Scale at which it comes back.
    pub scale: f64,
    /// Number of ciphertexts.
    pub tiles: u32,
    /// Slots from one sample to the next.
    pub period: u32,
    /// Tile and slot of each element of the first sample; nowhere means zero. Sample b stands `b * period` slots further.
    pub places: Vec<Option<(u32, u32)>>,
    /// What the decrypted numbers are multiplied by.
    pub factor: f64,
}

/// Ciphertexts of a port.
const TILES_MAX: usize = 1 << 16;
/// Slots of all of them: what a specification can make a client allocate is at most 8 bytes for each.
const CELLS_MAX: usize = 1 << 27;

// Sizes of he-core's wire forms; a test holds them against real messages.
const SEED_BYTES: u64 = 32;
const CIPHERTEXT_HEADER_BYTES: u64 = 12;
const KEY_COUNT_BYTES: u64 = 4;
const KEY_HEADER_BYTES: u64 = 12;
const ENCAPSULATION_HEADER_BYTES: u64 = 36;

/// Bytes of the evaluation keys of a program as they travel, without their frames.
pub(crate) fn key_bytes(chain: &Chain, keys: &KeySpec, encapsulation: bool) -> u64 {
    let levels = keys
        .rotations
        .values()
        .chain(&keys.relin_level)
        .chain(&keys.conjugation);
    let key = |&level: &usize| {
        let digits = chain.digits(level).len() as u64;
        let (q, p) = chain.primes().split_at(chain.q_count());
        let primes = q[..chain.reach(level)].iter().chain(p);
        KEY_HEADER_BYTES + digits * primes.map(|prime| limb_bytes(chain, prime)).sum::<u64>()
    };
    let encapsulation = if encapsulation {
        encapsulation_bytes(chain)
    } else {
        0
    };
    SEED_BYTES + KEY_COUNT_BYTES + levels.map(key).sum::<u64>() + encapsulation
}

/// Bytes of encapsulation keys: one polynomial on the base and the first special prime, one of each turn on all levels and that prime.
fn encapsulation_bytes(chain: &Chain) -> u64 {
    let special = chain.primes().iter().skip(chain.q_count()).take(1);
    let special: u64 = special.map(|prime| limb_bytes(chain, prime)).sum();
    let polynomial = |level| limbs_bytes(chain, level) + special;
    let turns = EncapsulationKeys::turns(chain.slots()) as u64;
    ENCAPSULATION_HEADER_BYTES + polynomial(0) + turns * polynomial(chain.top_level())
}

/// Bytes of one packed polynomial at a level.
fn limbs_bytes(chain: &Chain, level: usize) -> u64 {
    let primes = chain.primes_of(level).iter();
    primes
        .map(|&p| limb_bytes(chain, &chain.primes()[usize::from(p)]))
        .sum()
}

/// Bytes of one packed limb.
fn limb_bytes(chain: &Chain, prime: &u64) -> u64 {
    (chain.degree() as u64 * u64::from(u64::BITS - prime.leading_zeros())).div_ceil(8)
}

impl ClientSpec {
    /// The travelling form. Equal specifications have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::ClientSpec, self, &[] as &[&[u8]])
    }

    /// Reads the travelling form and checks that its parts fit together.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Version`], [`Error::Corrupted`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (spec, frames): (ClientSpec, _) = open(Kind::ClientSpec, bytes)?;
        if !frames.is_empty() {
            return Err(fault("specification", format!("{} frames", frames.len()), "none"));
        }
        spec.check()?;
        Ok(spec)
    }

    /// Slots of a ciphertext.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.chain.slots()
    }

    /// Ciphertexts of a request.
    #[must_use]
    pub fn request_tiles(&self) -> usize {
        self.inputs.iter().map(InputPort::tiles).sum()
    }

    /// Ciphertexts of a reply.
    #[must_use]
    pub fn reply_tiles(&self) -> usize {
        self.outputs.iter().map(|port| port.tiles as usize).sum()
    }

    /// Bytes of a request's ciphertexts, encrypted by the owner of the secret key; its frame takes less than 1 kB and 8 bytes a
    /// ciphertext more.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        let tile = |port: &InputPort| {
            CIPHERTEXT_HEADER_BYTES + SEED_BYTES + limbs_bytes(&self.chain, port.level as usize)
        };
        self.inputs
            .iter()
            .map(|port| port.tiles() as u64 * tile(port))
            .sum()
    }

    /// Bytes of a reply's ciphertexts, without their frame.
    #[must_use]
    pub fn reply_bytes(&self) -> u64 {
        let tile =
            |port: &OutputPort| CIPHERTEXT_HEADER_BYTES + 2 * limbs_bytes(&self.chain, port.level as usize);
        self.outputs
            .iter()
            .map(|port| u64::from(port.tiles) * tile(port))
            .sum()
    }

    /// Bytes of the evaluation keys as they travel, without their frames.
    #[must_use]
    pub fn evaluation_key_bytes(&self) -> u64 {
        key_bytes(&self.chain, &self.keys, self.encapsulation)
    }

    /// The name of the only input.
    pub(crate) fn only_input(&self) -> Result<&str> {
        match self.inputs.as_slice() {
            [port] => Ok(&port.name),
            ports => Err(Error::UnknownInput {
                found: "without a name".into(),
                expected: ports.iter().map(|port| port.name.clone()).collect(),
            }),
        }
    }

    /// Whether the parts fit together. Client and server ask this before they believe an index.
    pub(crate) fn check(&self) -> Result<()> {
        if self.batch == 0 {
            return Err(fault("batch", "0", "at least 1"));
        }
        if self.inputs.is_empty() || self.outputs.is_empty() {
            return Err(fault("ports", "none", "an input and an output"));
        }
        for port in &self.inputs {
            port.check(self)
                .map_err(|(found, expected)| fault(&format!("input `{}`", port.name), found, expected))?;
        }
        for port in &self.outputs {
            port.check(self)
                .map_err(|(found, expected)| fault(&format!("output `{}`", port.name), found, expected))?;
        }
        let keys = &self.keys;
        let levels = keys
            .rotations
            .values()
            .copied()
            .chain(keys.relin_level)
            .chain(keys.conjugation);
        match levels.max() {
            Some(level) if level > self.chain.top_level() => Err(fault(
                "keys",
                format!("level {level}"),
                format!("at most {}", self.chain.top_level()),
            )),
            _ => Ok(()),
        }
    }

    fn check_level(&self, level: u32) -> Result<(), (String, String)> {
        let top = self.chain.top_level();
        let fits = level as usize <= top;
        if fits {
            Ok(())
        } else {
            Err((format!("level {level}"), format!("at most {top}")))
        }
    }
}

impl InputPort {
    /// Numbers of one sample.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }

    /// Number of ciphertexts.
    #[must_use]
    pub fn tiles(&self) -> usize {
        let tiles = self.arrangement.tiles();
        if self.complex { tiles.div_ceil(2) } else { tiles }
    }

    /// What its ciphertexts hold, given the value of every element `sample * elements + e`.
    pub fn slots(&self, layout: &Layout, value: impl Fn(u32) -> f64) -> Vec<SlotNumbers> {
        Self::slots_of(layout, self.complex, value)
    }

    /// What the ciphertexts of a layout of real tiles hold: the tiles, or if `complex` the second half of them as imaginary parts of
    /// the first.
    pub fn slots_of(layout: &Layout, complex: bool, value: impl Fn(u32) -> f64) -> Vec<SlotNumbers> {
        let slot = |cell| match cell {
            Cell::Element(element) => value(element),
            Cell::Zero | Cell::Unknown => 0.0,
        };
        let tile = |tile| layout.tile(tile).map(slot).collect::<Vec<f64>>();
        let tiles = layout.tiles();
        let real = if complex { tiles.div_ceil(2) } else { tiles };
        let merge = |t| SlotNumbers {
            re: tile(t),
            im: if real + t < tiles {
                tile(real + t)
            } else {
                Vec::new()
            },
        };
        (0..real).map(merge).collect()
    }

    fn check(&self, spec: &ClientSpec) -> Result<(), (String, String)> {
        spec.check_level(self.level)?;
        if !(self.range.is_finite() && self.range > 0.0) {
            return Err((format!("range {}", self.range), "a positive number".into()));
        }
        let whole = [&[spec.batch], self.shape.as_slice()].concat();
        if self.arrangement.shape != whole {
            return Err((
                format!("an arrangement of {:?}", self.arrangement.shape),
                format!("{whole:?}"),
            ));
        }
        let tiles_max = TILES_MAX.min(CELLS_MAX / spec.slots());
        if !self.arrangement.is_valid(spec.slots(), tiles_max) {
            return Err((
                "an arrangement whose parts do not fit together".into(),
                "a valid one".into(),
            ));
        }
        Ok(())
    }
}

impl OutputPort {
    /// Numbers of one sample.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.places.len()
    }

    fn check(&self, spec: &ClientSpec) -> Result<(), (String, String)> {
        spec.check_level(self.level)?;
        if !(self.scale.is_finite() && self.scale >= 1.0) {
            return Err((format!("scale {}", self.scale), "at least 1".into()));
        }
        if !self.factor.is_finite() {
            return Err((format!("factor {}", self.factor), "a finite number".into()));
        }
        if self.tiles as usize > TILES_MAX {
            return Err((format!("{} tiles", self.tiles), format!("at most {TILES_MAX}")));
        }
        let elements = self
            .shape
            .iter()
            .try_fold(1usize, |product, &d| product.checked_mul(d as usize));
        if elements != Some(self.places.len()) {
            return Err((
                format!("{} places", self.places.len()),
                format!("one an element of {:?}", self.shape),
            ));
        }
        let last_sample = u64::from(spec.batch - 1) * u64::from(self.period);
        let outside = |&(tile, slot): &(u32, u32)| {
            tile >= self.tiles || u64::from(slot) + last_sample >= spec.slots() as u64
        };
        match self.places.iter().flatten().find(|place| outside(place)) {
            Some((tile, slot)) => {
                let expected = format!(
                    "within {} tiles of {} slots for each sample",
                    self.tiles,
                    spec.slots()
                );
                Err((format!("an element at tile {tile}, slot {slot}"), expected))
            }
            None => Ok(()),
        }
    }
}

fn fault(part: &str, found: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::Corrupted {
        what: format!("client specification, {part}"),
        found: found.into(),
        expected: expected.into(),
    }
}
