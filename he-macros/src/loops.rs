//! `for` as const code: a `while` over the positions of a range or a list.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprForLoop, ExprRange, Path, RangeLimits};

use crate::dialect;
use crate::rewrite::unwrapped;

/// `for` over a range or a list as a `while` whose counter moves on before the body, so that `continue` is safe.
pub(crate) fn rewrite(inner: &ExprForLoop) -> syn::Result<Expr> {
    let ExprForLoop {
        attrs,
        label,
        for_token,
        pat,
        body,
        ..
    } = inner;
    let here = Span::mixed_site().located_at(for_token.span);
    let (at, more) = (Ident::new("at", here), Ident::new("more", here));
    let (first, last, step) = (
        Ident::new("first", here),
        Ident::new("last", here),
        Ident::new("step", here),
    );
    let statements = &body.stmts;
    let walk = match Walk::of(&inner.expr)? {
        Walk::List(list) => quote_spanned! {here=> {
            let list = #list;
            let mut #at = 0;
            #(#attrs)* #label while #at < list.len() {
                let #pat = list[#at];
                #at += 1;
                #(#statements)*
            }
        }},
        Walk::Range(range, reversed, stride) => {
            let (Some(start), Some(end)) = (&range.start, &range.end) else {
                return Err(dialect::iterator(&inner.expr));
            };
            let closed = matches!(range.limits, RangeLimits::Closed(_));
            let stride = stride.map_or_else(|| quote!(1), |stride| stride.to_token_stream());
            let check = (stride.to_string() != "1")
                .then(|| quote_spanned!(here=> ::core::assert!(#step > 0, "the step of a `for` loop is 0");));
            let some = if closed {
                quote!(#first <= #last)
            } else {
                quote!(#first < #last)
            };
            let begin = match (reversed, closed) {
                (false, _) => quote!(#first),
                (true, true) => quote!(#last),
                (true, false) => quote!(if #more { #last - 1 } else { #first }),
            };
            let (room, advance) = match (reversed, closed) {
                (false, true) => (quote!(#last - #at >= #step), quote!(#at += #step)),
                (false, false) => (quote!(#last - #at > #step), quote!(#at += #step)),
                (true, _) => (quote!(#at - #first >= #step), quote!(#at -= #step)),
            };
            quote_spanned! {here=> {
                let (#first, #last, #step) = (#start, #end, #stride);
                #check
                let mut #more = #some;
                let mut #at = #begin;
                #(#attrs)* #label while #more {
                    let #pat = #at;
                    if #room { #advance } else { #more = false }
                    #(#statements)*
                }
            }}
        }
    };
    syn::parse2(walk)
}

/// What a `for` loop walks.
enum Walk<'a> {
    List(&'a Expr),
    /// A range, whether it is walked backwards, and in which steps.
    Range(&'a ExprRange, bool, Option<&'a Expr>),
}

impl<'a> Walk<'a> {
    fn of(expression: &'a Expr) -> syn::Result<Walk<'a>> {
        let (inner, reversed, step) = match expression {
            Expr::MethodCall(call) if call.method == "step_by" && call.args.len() == 1 => {
                match &*call.receiver {
                    Expr::MethodCall(reverse) if reverse.method == "rev" => {
                        (&*reverse.receiver, true, call.args.first())
                    }
                    receiver => (receiver, false, call.args.first()),
                }
            }
            Expr::MethodCall(call) if call.method == "rev" => (&*call.receiver, true, None),
            other => (other, false, None),
        };
        match unwrapped(inner) {
            Expr::Range(range) => Ok(Walk::Range(range, reversed, step)),
            list @ Expr::Array(_) if !reversed && step.is_none() => Ok(Walk::List(list)),
            list @ Expr::Path(path) if !reversed && step.is_none() && is_constant(&path.path) => {
                Ok(Walk::List(list))
            }
            _ => Err(dialect::iterator(expression)),
        }
    }
}

/// Named like a constant: `WIDTHS`.
fn is_constant(path: &Path) -> bool {
    path.segments.last().is_some_and(|segment| {
        let name = segment.ident.to_string();
        name.chars()
            .all(|c| c.is_uppercase() || c.is_numeric() || c == '_')
    })
}
