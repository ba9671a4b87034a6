//! Attribute macros: an annotated function becomes a `const fn` that records a network when rustc evaluates it.
//!
//! Syntax only. No layer name, shape or depth is known here; what a network means is decided by the const rules of `he-nn`, which
//! this crate's output calls. The stages: [`attr`] parses options, [`dialect`] says which Rust is allowed, [`rewrite`] turns
//! operators into calls with the help of [`taint`] and [`loops`] turns `for` into `while`, [`emit`] and [`network`] write the item, and
//! on any error [`fallback`]
//! leaves an item that callers still find.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod attr;
mod dialect;
mod emit;
mod fallback;
#[cfg(test)]
mod golden;
mod loops;
mod network;
mod rewrite;
mod taint;

/// Turns a function into a network that rustc checks: `#[he_nn::model(input = [1, 28, 28], depth = 5)]`.
///
/// The function keeps its name and returns `&'static Model`. Options:
/// * `input = [..]`: shape of the only tensor parameter, without the batch; with several, one option a parameter, by its name;
/// * `depth = N`: the budget of multiplicative depth, or `bootstrap` in its place;
/// * `range = 1.0`: bound of the inputs' absolute values;
/// * `params = P`: pins the encryption parameters to the constant `P`.
#[proc_macro_attribute]
pub fn model(options: TokenStream, item: TokenStream) -> TokenStream {
    network::model(options.into(), item.into()).into()
}

/// Makes a function usable as a layer in models and other blocks: `#[he_nn::block]`.
///
/// `#[he_nn::block(example = [64, 32, 32], depth = 6, stride = 1)]` checks the block by itself, with this input and these values
/// of its other parameters.
#[proc_macro_attribute]
pub fn block(options: TokenStream, item: TokenStream) -> TokenStream {
    emit::block(options.into(), item.into()).into()
}

/// Makes a function on `f64` an activation, fitted by a polynomial at plan time: `#[he_nn::activation(degree = 7, range = 5.0)]`.
#[proc_macro_attribute]
pub fn activation(options: TokenStream, item: TokenStream) -> TokenStream {
    emit::activation(options.into(), item.into()).into()
}
