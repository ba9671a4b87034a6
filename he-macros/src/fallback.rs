//! What stays of an item with errors: its name and signature, so that callers and the editor still find it, and the errors as its
//! body. rustc then takes the body as broken and reports nothing else about it or about the models that use it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

/// The item `signature` (attributes, visibility and head) with the errors in place of a body.
pub(crate) fn broken(signature: TokenStream, errors: Vec<Error>) -> TokenStream {
    let errors = errors.iter().map(Error::to_compile_error);
    quote! {
        #[allow(unused, clippy::all)]
        #signature {
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
