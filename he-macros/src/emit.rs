//! The items that annotated functions become.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Error, Expr, Ident, ItemFn, Lifetime, PathArguments, ReturnType, Signature, parse_quote};

use crate::attr::Settings;
use crate::dialect::{self, Parameter};
use crate::fallback;
use crate::rewrite::{self, Rewriter};
use crate::taint::Kind;

/// The lifetime of the trace in generated signatures.
const TRACE_LIFETIME: &str = "'t";

/// Parses the item and collects errors; `emit` gets the function if there is one.
fn with_function(
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

/// `#[he_nn::model]`.
pub(crate) fn model(options: TokenStream, item: TokenStream) -> TokenStream {
    with_function(item, "model", |function, errors| {
        let mut settings = Settings::parse(options, errors);
        let parameters = dialect::parameters(&function, errors);
        let outputs = dialect::outputs(&function, errors);
        if !function.sig.generics.params.is_empty() {
            errors.push(dialect::refuse(
                &function.sig.generics,
                "a model cannot be generic: it is one network",
                "write a generic `#[he_nn::block]` and a model for each instance",
            ));
        }
        let inputs = inputs(&function, &parameters, &mut settings, errors);
        let budget = budget(&function, &mut settings, errors);
        let range = settings.value("range", "1.0", errors);
        let params = settings.value("params", "P", errors).map_or_else(
            || quote!(::core::option::Option::None),
            // Checked here too: a constant that was never checked does not slip through.
            |params| quote_spanned!(params.span()=> ::core::option::Option::Some(&const { #params.checked() })),
        );
        let names = inputs.iter().map(|input| input.name.to_string());
        let options = ["input", "depth", "bootstrap", "range", "params"].map(str::to_owned);
        settings.finish(&names.chain(options).collect::<Vec<_>>(), errors);

        let ItemFn {
            attrs,
            vis,
            sig,
            block,
            ..
        } = &function;
        let name = &sig.ident;
        let head = quote!(#(#attrs)* #vis fn #name() -> &'static ::he_nn::Model);
        let trace = Ident::new("trace", Span::mixed_site());
        let mut rewriter = Rewriter::new(errors, Some(trace.clone()));
        for parameter in &parameters {
            rewriter.declare(&parameter.pattern, parameter.kind);
        }
        let mut body = block.clone();
        rewriter.block(&mut body);

        let mut tensors = 0u32;
        let bindings: Vec<TokenStream> = parameters
            .iter()
            .map(|Parameter { pattern, ty, .. }| {
                if dialect::is_tensor(ty) {
                    let dims = inputs.get(tensors as usize).map(|input| &input.dims);
                    let index = tensors;
                    tensors += 1;
                    quote!(let #pattern: #ty = #trace.input(#index, &#dims);)
                } else {
                    quote!(let #pattern: #ty = #trace.weights();)
                }
            })
            .collect();
        let result = Ident::new("result", Span::mixed_site());
        // What goes wrong with an output is shown at the expression that returns it.
        let returned = block
            .stmts
            .last()
            .map_or_else(|| quote!(#block), ToTokens::to_token_stream);
        let end = |method: &str, arguments: TokenStream| {
            rewrite::spanning(quote!(::he_nn::graph::Trace::), method, &returned, arguments)
        };
        let ty = match &sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        let listed = if outputs == 1
            && !matches!(&sig.output, ReturnType::Type(_, ty) if matches!(**ty, syn::Type::Tuple(_)))
        {
            quote!([#result])
        } else {
            let indices = (0..outputs).map(syn::Index::from);
            quote!([#(#result.#indices),*])
        };
        let run = quote! {
            #(#bindings)*
            let #result: #ty = #body;
        };
        let (surveyed, recorded) = (
            end("surveyed", quote!(#trace, #listed)),
            end("recorded", quote!(#trace, #listed)),
        );
        let text = name.to_string();
        let ports = inputs.iter().enumerate().map(|(index, input)| {
            let (name, index, range) = (
                input.name.to_string(),
                index as u32,
                range.as_ref().map_or_else(|| quote!(1.0), |range| quote!(#range)),
            );
            quote!(::he_nn::Input::new(#name, ::he_nn::graph::NodeId(#index), #range))
        });
        let results = (0..outputs).map(|index| {
            let name = if outputs == 1 {
                "output".to_owned()
            } else {
                format!("output{index}")
            };
            quote!(::he_nn::Output { name: #name, node: DEPTH_AND_SHAPES.outputs[#index] })
        });
        let tokens = quote! {
            #head {
                #[allow(long_running_const_eval)]
                const NETWORK_SHAPES: ::he_nn::graph::Survey = {
                    let #trace = &::he_nn::graph::Trace::survey(#budget);
                    #run
                    #surveyed
                };
                // The same text again: rustc has said its warnings.
                #[allow(warnings, clippy::all, clippy::pedantic)]
                const DEPTH_AND_SHAPES: ::he_nn::graph::Network<{ NETWORK_SHAPES.nodes }, #outputs> = {
                    let cells = ::he_nn::graph::Trace::cells::<{ NETWORK_SHAPES.nodes }>();
                    let #trace = &::he_nn::graph::Trace::record_into(&cells, #budget, NETWORK_SHAPES);
                    #run
                    #recorded
                };
                static NODES: [::he_nn::graph::Node; NETWORK_SHAPES.nodes] = DEPTH_AND_SHAPES.nodes;
                static MODEL: ::he_nn::Model = ::he_nn::Model::new(
                    #text,
                    &[#(#ports),*],
                    &[#(#results),*],
                    &NODES,
                    #budget,
                    NETWORK_SHAPES.depth,
                    #params,
                );
                &MODEL
            }
        };
        (head, tokens)
    })
}

/// A tensor parameter of a model.
struct Input {
    name: Ident,
    dims: Expr,
}

/// The tensor parameters with their shapes, in order.
fn inputs(
    function: &ItemFn,
    parameters: &[Parameter],
    settings: &mut Settings,
    errors: &mut Vec<Error>,
) -> Vec<Input> {
    let tensors: Vec<&Parameter> = parameters
        .iter()
        .filter(|parameter| dialect::is_tensor(&parameter.ty))
        .collect();
    let weights = parameters
        .iter()
        .filter(|parameter| dialect::is_named(&parameter.ty, "Weights"))
        .count();
    for parameter in parameters {
        if !dialect::is_tensor(&parameter.ty) && !dialect::is_named(&parameter.ty, "Weights") {
            errors.push(dialect::refuse(
                &parameter.ty,
                "a model takes tensors and one `Weights`",
                "make it a constant, or a parameter of a `#[he_nn::block]` that the model calls",
            ));
        }
    }
    if weights > 1 {
        errors.push(dialect::refuse(
            &function.sig.inputs,
            "a model takes one `Weights`",
            "take scopes of it with `w.at(\"name\")`",
        ));
    }
    if tensors.is_empty() {
        errors.push(dialect::refuse(
            &function.sig.ident,
            "a model without a tensor has nothing to encrypt",
            "add a parameter `x: Tensor`",
        ));
        settings.discard("input");
    }
    let mut list = Vec::new();
    for parameter in &tensors {
        let Some(name) = &parameter.name else {
            errors.push(dialect::refuse(
                &parameter.pattern,
                "an input of a model needs a name",
                "write `x: Tensor`: the name stands in the model and on the wire",
            ));
            continue;
        };
        let mut dims = settings.shape(&name.to_string(), errors);
        if dims.is_none() && tensors.len() == 1 {
            dims = settings.shape("input", errors);
        }
        match dims {
            Some(dims) => list.push(Input {
                name: name.clone(),
                dims,
            }),
            None => {
                let option = if tensors.len() == 1 {
                    "input".to_owned()
                } else {
                    name.to_string()
                };
                errors.push(dialect::refuse(
                    name,
                    &format!("the shape of input `{name}` is not given"),
                    &format!(
                        "add `{option} = [1, 28, 28]` to `#[he_nn::model]`, without the batch dimension"
                    ),
                ));
            }
        }
    }
    list
}

/// The expression of the budget.
fn budget(function: &ItemFn, settings: &mut Settings, errors: &mut Vec<Error>) -> TokenStream {
    let depth = settings.value("depth", "5", errors);
    let bootstrap = settings.flag("bootstrap", errors);
    match (depth, bootstrap) {
        (Some(depth), None) => quote!(::he_nn::graph::Budget::Depth(#depth)),
        (None, Some(_)) => quote!(::he_nn::graph::Budget::Bootstrap),
        (Some(depth), Some(_)) => {
            errors.push(dialect::refuse(
                &depth,
                "a model has a depth budget or bootstraps, not both",
                "remove `depth` to let the planner place bootstraps, or `bootstrap` to be held to the budget",
            ));
            quote!()
        }
        (None, None) => {
            errors.push(dialect::refuse(
                &function.sig.ident,
                "the model has no budget",
                "add `depth = N` to `#[he_nn::model]` (too small an N is a compile error that tells the need), or `bootstrap`",
            ));
            quote!()
        }
    }
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
