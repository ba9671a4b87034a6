//! Goldens of the expansions: `golden/NAME.rs` against `golden/NAME.expanded.rs`. `HE_BLESS=1 cargo test -p he-macros` rewrites them.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use syn::{Item, Meta};

use crate::{emit, network};

/// Expands every annotated function of a file.
fn expand(source: &str) -> String {
    let file = syn::parse_file(source).expect("the golden input is Rust");
    let items: TokenStream = file.items.into_iter().map(expand_item).collect();
    prettyplease::unparse(&syn::parse2(items).expect("the expansion is Rust"))
}

fn expand_item(mut item: Item) -> TokenStream {
    let attributes = match &mut item {
        Item::Fn(function) => &mut function.attrs,
        Item::Struct(structure) => &mut structure.attrs,
        _ => return quote::quote!(#item),
    };
    let Some(index) = attributes
        .iter()
        .position(|attribute| attribute.path().segments[0].ident == "he_nn")
    else {
        return quote::quote!(#item);
    };
    let attribute = attributes.remove(index);
    let options = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let item = quote::quote!(#item);
    match attribute.path().segments[1].ident.to_string().as_str() {
        "model" => network::model(options, item),
        "block" => emit::block(options, item),
        "activation" => emit::activation(options, item),
        other => unreachable!("no attribute `{other}`"),
    }
}

#[test]
fn expansions_are_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| !path.to_string_lossy().ends_with(".expanded.rs"))
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 4, "the goldens are gone");
    for input in inputs {
        let found = expand(&fs::read_to_string(&input).expect("it can be read"));
        let golden = input.with_extension("expanded.rs");
        if env::var_os("HE_BLESS").is_some() {
            fs::write(&golden, &found).expect("it can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(
            found,
            expected,
            "{} differs; HE_BLESS=1 accepts it",
            golden.display()
        );
    }
}
