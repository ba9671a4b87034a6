//! What stays of an item with errors: its name and signature, so that callers and the editor still find it, and the errors as its
//! body. rustc then takes the body as broken and reports nothing else about it or about the models that use it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Signature};

/// The item `head` (attributes, visibility and generated signature) with the errors in place of a body. The user's own signature
/// stays inside, so that the imports it needs count as used.
pub(crate) fn broken(head: TokenStream, signature: &Signature, errors: Vec<Error>) -> TokenStream {
    let errors = errors.iter().map(Error::to_compile_error);
    let signature = signature
        .receiver()
        .is_none()
        .then(|| quote!(#signature { ::core::unreachable!() }));
    quote! {
        #[allow(unused, clippy::all)]
        #head {
            #signature
            #(#errors)*
            ::core::unreachable!()
        }
    }
}

/// An attribute on something that is not a function: the error, and the item unchanged.
pub(crate) fn not_a_function(item: TokenStream, error: Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}
