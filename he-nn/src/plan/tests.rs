//! Packed programs compute what their networks mean.

mod answer;
mod choices;
mod composites;
mod counted;
mod depth;
mod encrypted;
mod networks;
mod pinned;
mod polynomials;
mod random;
mod reciprocals;
mod refreshed;
mod short;
mod trial;
