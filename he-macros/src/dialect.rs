//! Which Rust an annotated function may use: signatures, and the refusals of everything else, each with a way out.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, FnArg, Ident, ItemFn, Pat, ReturnType, Safety, Type};

use crate::taint::{Kind, kind_of_type};

/// A parameter of an annotated function.
pub(crate) struct Parameter {
    pub(crate) name: Option<Ident>,
    pub(crate) pattern: Pat,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
}

/// Checks what blocks, models and activations have in common, and lists the parameters.
pub(crate) fn parameters(function: &ItemFn, errors: &mut Vec<Error>) -> Vec<Parameter> {
    let signature = &function.sig;
    if let Some(token) = &signature.asyncness {
        errors.push(refuse(
            token,
            "an annotated function cannot be `async`",
            "rustc evaluates it: remove `async`",
        ));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        errors.push(refuse(
            token,
            "an annotated function cannot be `unsafe`",
            "remove `unsafe`",
        ));
    }
    if let Some(abi) = &signature.abi {
        errors.push(refuse(
            abi,
            "an annotated function cannot have a foreign calling convention",
            "remove `extern`",
        ));
    }
    let mut list = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.push(refuse(
                receiver,
                "an annotated function cannot be a method",
                "write a free function, and pass plain values such as widths as parameters",
            )),
            FnArg::Typed(typed) => {
                let name = match &*typed.pat {
                    Pat::Ident(pattern) => Some(pattern.ident.clone()),
                    _ => None,
                };
                let kind = kind_of_type(&typed.ty).unwrap_or(Kind::Plain);
                list.push(Parameter {
                    name,
                    pattern: (*typed.pat).clone(),
                    ty: (*typed.ty).clone(),
                    kind,
                });
            }
        }
    }
    list
}

/// Number of tensors a model returns: 1, or the length of a tuple.
pub(crate) fn outputs(function: &ItemFn, errors: &mut Vec<Error>) -> usize {
    let help = "write `-> Tensor`, or `-> (Tensor, Tensor)` for several outputs";
    match &function.sig.output {
        ReturnType::Default => {
            errors.push(refuse(
                &function.sig.ident,
                "a model must return its output",
                help,
            ));
            0
        }
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) if !tuple.elems.is_empty() => {
                for element in tuple.elems.iter().filter(|element| !is_tensor(element)) {
                    errors.push(refuse(element, "every output of a model is a `Tensor`", help));
                }
                tuple.elems.len()
            }
            ty if is_tensor(ty) => 1,
            ty => {
                errors.push(refuse(ty, "a model returns a `Tensor` or a tuple of them", help));
                0
            }
        },
    }
}

/// A type written `Tensor`, under any path.
pub(crate) fn is_tensor(ty: &Type) -> bool {
    is_named(ty, "Tensor")
}

/// A type whose path ends in `name`.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
}

/// An error at `place` with a line of help.
pub(crate) fn refuse(place: &impl ToTokens, what: &str, help: &str) -> Error {
    Error::new_spanned(place, format!("{what}\nhelp: {help}"))
}

/// As [`refuse`], at a span.
pub(crate) fn refuse_at(span: Span, what: &str, help: &str) -> Error {
    Error::new(span, format!("{what}\nhelp: {help}"))
}

/// A branch on a value that only the client can see.
pub(crate) fn branch(keyword: &str, condition: &impl ToTokens) -> Error {
    refuse(
        condition,
        &format!("`{keyword}` cannot branch on encrypted data: only the client can see the value"),
        "branch on a shape or a parameter, compute both sides and blend them with `mul`, or, if the value is plain, write `plain!(..)` \
         around it",
    )
}

/// An operator that encrypted data does not have.
pub(crate) fn operator(operator: &impl ToTokens) -> Error {
    let symbol = operator.to_token_stream().to_string();
    let help = match symbol.trim_end_matches('=') {
        "/" => "multiply by the reciprocal, as in `x * 0.5`, or approximate `1 / x` with an activation",
        "" | "!" | "<" | ">" => {
            "compare shapes instead, approximate the comparison with an activation, or, if the value is plain, write `plain!(..)` around it"
        }
        _ => "encrypted tensors have `+`, `-` and `*`; if the value is plain, write `plain!(..)` around it",
    };
    refuse(
        operator,
        &format!("`{symbol}` is not defined on encrypted data"),
        help,
    )
}

/// A `for` over something else than a range of integers or a list.
pub(crate) fn iterator(expression: &impl ToTokens) -> Error {
    refuse(
        expression,
        "a `for` loop in an annotated function walks a range or a list",
        "write `a..b`, `a..=b`, `(a..b).rev()`, `(a..b).step_by(n)`, a list `[a, b]` or a constant array; for positions, walk \
         `0..LIST.len()`",
    )
}

/// `return` inside an annotated function.
pub(crate) fn early_return(token: &impl ToTokens) -> Error {
    refuse(
        token,
        "`return` is not available in an annotated function",
        "make the value the last expression, as in `if c { a } else { b }`, or move the part into a `#[he_nn::block]`",
    )
}

/// `?` inside an annotated function.
pub(crate) fn question_mark(token: &impl ToTokens) -> Error {
    refuse(
        token,
        "`?` is not available in an annotated function",
        "nothing can fail here: a wrong shape or depth is a compile error, so layers return tensors and not results",
    )
}

/// A closure inside an annotated function.
pub(crate) fn closure(place: &impl ToTokens) -> Error {
    refuse(
        place,
        "closures are not available in an annotated function, because rustc cannot evaluate them",
        "write a `#[he_nn::block]`, or a `#[he_nn::activation]` for a scalar function",
    )
}

/// `async`, `await` or `unsafe` inside an annotated function.
pub(crate) fn effect(place: &impl ToTokens, keyword: &str) -> Error {
    refuse(
        place,
        &format!("`{keyword}` is not available in an annotated function"),
        "rustc evaluates the function once, at compile time: only layers, blocks and plain arithmetic stand in it",
    )
}

/// An index that only the client could know.
pub(crate) fn index(place: &impl ToTokens) -> Error {
    refuse(
        place,
        "an index cannot depend on encrypted data",
        "index with a constant or a loop variable; if the index is plain, write `plain!(..)` around it",
    )
}
