//! Neural networks on encrypted data.
