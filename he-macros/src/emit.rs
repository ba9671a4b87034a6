//! The items that blocks and activations become, and what they share with models.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Error, Ident, ItemFn, Lifetime, PathArguments, ReturnType, Signature, parse_quote};

use crate::attr::Settings;
use crate::dialect::{self, Parameter};
use crate::fallback;
use crate::rewrite::Rewriter;
use crate::taint::Kind;

/// The lifetime of the trace in generated signatures.
const TRACE_LIFETIME: &str = "'t";

/// Parses the item and collects errors; `emit` gets the function if there is one.
pub(crate) fn with_function(
    item: TokenStream,
    what: &str,
    emit: impl FnOnce(ItemFn, &mut Vec<Error>) -> (TokenStream, TokenStream),
) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let help = format!("put `#[he_nn::{what}]` on a free function");
            let place = item
                .clone()
                .into_iter()
                .next()
                .map_or_else(Span::call_site, |token| token.span());
            let error = dialect::refuse_at(place, &format!("`#[he_nn::{what}]` takes a function"), &help);
            return fallback::not_a_function(item, error);
        }
    };
    let mut errors = Vec::new();
    let mut signature = function.sig.clone();
    borrow_trace(&mut signature);
    let (head, tokens) = emit(function, &mut errors);
    if errors.is_empty() {
        tokens
    } else {
        fallback::broken(head, &signature, errors)
    }
}

/// `#[he_nn::block]`.
pub(crate) fn block(options: TokenStream, item: TokenStream) -> TokenStream {
    with_function(item, "block", |mut function, errors| {
        let mut settings = Settings::parse(options, errors);
        let parameters = dialect::parameters(&function, errors);
        let example = example(&function, &parameters, &mut settings, errors);
        let names = parameters
            .iter()
            .filter_map(|parameter| parameter.name.as_ref().map(Ident::to_string));
        settings.finish(
            &names
                .chain(["example", "depth"].map(str::to_owned))
                .collect::<Vec<_>>(),
            errors,
        );
        let (mut body, attributes) = (function.block.clone(), std::mem::take(&mut function.attrs));
        let mut rewriter = Rewriter::new(errors, None);
        for parameter in &parameters {
            rewriter.declare(&parameter.pattern, parameter.kind);
        }
        rewriter.block(&mut body);
        borrow_trace(&mut function.sig);
        function.sig.constness = parse_quote!(const);
        let (visibility, signature) = (&function.vis, &function.sig);
        let head = quote!(#(#attributes)* #visibility #signature);
        let tokens = quote! {
            #[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
            #head #body
            #example
        };
        (head, tokens)
    })
}

/// The constant that checks a block by itself, if it has an example.
fn example(
    function: &ItemFn,
    parameters: &[Parameter],
    settings: &mut Settings,
    errors: &mut Vec<Error>,
) -> Option<TokenStream> {
    let tensors = parameters
        .iter()
        .filter(|parameter| parameter.kind == Kind::Encrypted)
        .count();
    let depth = settings.value("depth", "6", errors);
    let name = &function.sig.ident;
    let mut missing = Vec::new();
    let mut arguments = Vec::new();
    let mut named = 0;
    for parameter in parameters {
        let key = parameter.name.as_ref().map(Ident::to_string).unwrap_or_default();
        let (input, weights) = (
            dialect::is_tensor(&parameter.ty),
            dialect::is_named(&parameter.ty, "Weights"),
        );
        let value = match (input, settings.value(&key, "value", errors)) {
            (true, None) if tensors == 1 => settings.shape("example", errors),
            (_, value) => value,
        };
        named += usize::from(value.is_some());
        match value {
            Some(dims) if input => arguments.push(quote!(trace.input(0, &#dims))),
            Some(value) => arguments.push(value.to_token_stream()),
            None if weights => arguments.push(quote!(trace.weights())),
            None => missing.push(key),
        }
    }
    let span = function.sig.ident.span();
    if named == 0 && depth.is_none() {
        return None;
    }
    if depth.is_none() {
        errors.push(dialect::refuse_at(
            span,
            "the example of this block has no budget",
            "add `depth = N`",
        ));
    }
    for key in missing {
        errors.push(dialect::refuse_at(
            span,
            &format!("the example of this block has no value for `{key}`"),
            &format!("add `{key} = ..` to the attribute: a shape for a tensor, a value for anything else"),
        ));
    }
    if !function.sig.generics.params.is_empty() {
        errors.push(dialect::refuse(
            &function.sig.generics,
            "a generic block cannot carry an example",
            "remove the example and check the block through a model that uses it",
        ));
    }
    let constant = format_ident!("EXAMPLE_OF_{}", name.to_string().to_uppercase(), span = span);
    Some(quote_spanned! {span=>
        #[allow(dead_code, long_running_const_eval)]
        const #constant: ::he_nn::graph::Survey = {
            const BUDGET: ::he_nn::graph::Budget = ::he_nn::graph::Budget::Depth(#depth);
            const SHAPES: ::he_nn::graph::Survey = {
                let trace = &::he_nn::graph::Trace::survey(BUDGET);
                trace.surveyed([#name(#(#arguments),*)])
            };
            let cells = ::he_nn::graph::Trace::cells::<{ SHAPES.nodes }>();
            let trace = &::he_nn::graph::Trace::record_into(&cells, BUDGET, SHAPES);
            trace.surveyed([#name(#(#arguments),*)])
        };
    })
}

/// `#[he_nn::activation]`.
pub(crate) fn activation(options: TokenStream, item: TokenStream) -> TokenStream {
    with_function(item, "activation", |function, errors| {
        let mut settings = Settings::parse(options, errors);
        let degree = settings.value("degree", "7", errors);
        let range = settings.value("range", "5.0", errors);
        settings.finish(&["degree", "range"].map(str::to_owned), errors);
        let ItemFn { attrs, vis, sig, .. } = &function;
        let name = &sig.ident;
        if degree.is_none() {
            errors.push(dialect::refuse(
                name,
                "an activation needs the degree of its polynomial",
                "write `#[he_nn::activation(degree = 7, range = 5.0)]`",
            ));
        }
        let parameters = dialect::parameters(&function, errors);
        let float = |ty: &syn::Type| dialect::is_named(ty, "f64");
        let returns_float = matches!(&sig.output, ReturnType::Type(_, ty) if float(ty));
        if parameters.len() != 1 || !parameters.iter().all(|parameter| float(&parameter.ty)) || !returns_float
        {
            errors.push(dialect::refuse(
                sig,
                "an activation is a function of one float",
                "write `fn name(x: f64) -> f64`; for several tensors or weights write a `#[he_nn::block]`",
            ));
        }
        let head = quote!(#(#attrs)* #vis const fn #name<'t>(x: ::he_nn::Tensor<'t>) -> ::he_nn::Tensor<'t>);
        let mut scalar = function.clone();
        scalar.attrs.clear();
        scalar.vis = syn::Visibility::Inherited;
        let range = range.map(|range| quote!(.range(#range)));
        let text = name.to_string();
        let tokens = quote! {
            #[track_caller]
            #head {
                #scalar
                ::he_nn::layer::custom(x, #text, #name, ::he_nn::layer::Approx::degree(#degree) #range)
            }
        };
        (head, tokens)
    })
}

/// Makes the signature's tensors and scopes borrow one trace: `Tensor` becomes `Tensor<'t>`.
fn borrow_trace(signature: &mut Signature) {
    struct Borrow;
    impl VisitMut for Borrow {
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            if let Some(last) = path.segments.last_mut()
                && (last.ident == "Tensor" || last.ident == "Weights")
                && matches!(last.arguments, PathArguments::None)
            {
                let lifetime = Lifetime::new(TRACE_LIFETIME, last.ident.span());
                last.arguments = PathArguments::AngleBracketed(parse_quote!(<#lifetime>));
            }
            visit_mut::visit_path_mut(self, path);
        }
    }
    for input in &mut signature.inputs {
        Borrow.visit_fn_arg_mut(input);
    }
    Borrow.visit_return_type_mut(&mut signature.output);
    let known = signature
        .generics
        .lifetimes()
        .any(|parameter| format!("'{}", parameter.lifetime.ident) == TRACE_LIFETIME);
    if !known {
        let lifetime = Lifetime::new(TRACE_LIFETIME, signature.ident.span());
        signature.generics.params.insert(0, parse_quote!(#lifetime));
    }
}
