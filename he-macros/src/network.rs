//! The item that a model becomes: a function with the network in its constants.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, ItemFn, ReturnType};

use crate::attr::Settings;
use crate::dialect::{self, Parameter};
use crate::emit::with_function;
use crate::rewrite::{self, Rewriter};

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
