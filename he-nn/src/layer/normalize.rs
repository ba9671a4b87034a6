//! [`normalize()`]: its rule, what it means on floats.

use crate::graph::{Along, Message, Op, Tensor};

/// Normalisation of an image's channels by constants, as torchvision's `Normalize`.
///
/// `(x - mean[c]) / std[c]` for each channel.
///
/// * **Shape** unchanged; dimension 0 has as many entries as there are means.
/// * **Depth** 0: `(x - mean) / std` folds into the next affine layer.
/// * **Packing** None of its own: it is part of the affine layer that absorbs it, and adds no rotation.
/// * **Errors** At compile time `shape/constants_per_channel`, `depth/nothing_absorbs` of `docs/errors.md`.
#[track_caller]
pub const fn normalize<'t>(x: Tensor<'t>, mean: &'static [f64], std: &'static [f64]) -> Tensor<'t> {
    let channels = x.channels();
    if mean.len() != channels || std.len() != channels {
        Message::new("`normalize` has ")
            .count(mean.len(), "mean")
            .text(" and ")
            .count(std.len(), "standard deviation")
            .text(" for ")
            .count(channels, "channel")
            .help("give one of each for every channel")
            .raise();
    }
    let mut i = 0;
    while i < channels {
        if !(mean[i].is_finite() && std[i].is_finite() && std[i] > 0.0) {
            Message::new("the mean or standard deviation of channel ")
                .number(i)
                .text(" in `normalize` is not usable")
                .help("means are finite, standard deviations finite and positive")
                .raise();
        }
        i += 1;
    }
    x.then(
        Op::Normalize { mean, std },
        x.shape(),
        0,
        x.form().map(Along::Channel),
    )
}

/// `a` and `b` of `a x + b`, one of each for every channel.
pub(crate) fn map(mean: &[f64], std: &[f64]) -> (Vec<f64>, Vec<f64>) {
    (
        std.iter().map(|s| 1.0 / s).collect(),
        mean.iter().zip(std).map(|(m, s)| -m / s).collect(),
    )
}

/// On floats, with channels of `inner` elements.
pub(crate) fn clear(x: &[f64], inner: usize, mean: &[f64], std: &[f64]) -> Vec<f64> {
    x.iter()
        .enumerate()
        .map(|(i, x)| (x - mean[i / inner]) / std[i / inner])
        .collect()
}
