//! How tensors stand in slots, and how an affine map moves them: the planner's geometry.
//!
//! | file | answers |
//! |---|---|
//! | [`sparse`] | which output element reads which input element |
//! | [`bits`] | what the bits of a slot number mean in a layout |
//! | [`candidate`] | in which slots an output may be accumulated |
//! | [`owners`] | which slots accumulate which output element |
//! | [`place`] | where input elements stand, and the best rotation from there |
//! | [`amounts`] | sets of rotations |
//! | [`cover`] | which rotation of which tile serves each nonzero |
//! | [`split`] | which of these rotations are baby and which giant steps |
//! | [`transform`] | all of this together, for one map between two layouts |
//! | [`fold`] | what every slot holds after rotate-and-add |
//! | [`pool`] | which rotations add up the windows of a pooling |
//! | [`input`] | how a client may arrange the input |
//! | [`merge`] | which tiles share a ciphertext as real and imaginary part |

pub mod amounts;
pub mod bits;
pub mod candidate;
pub mod cover;
pub mod fold;
pub mod input;
pub mod merge;
pub mod owners;
pub mod place;
pub mod pool;
pub mod sparse;
pub mod split;
pub mod transform;

#[cfg(test)]
mod tests;
