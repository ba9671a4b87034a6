//! Operators on tensors become calls: `a + b` is `add`, `-a` and `2.0 * a` are `scale`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{BinOp, Expr, UnOp};

use super::{Rewriter, spanning, unwrapped};
use crate::dialect;
use crate::taint::Kind;

impl Rewriter<'_> {
    pub(super) fn unary(&mut self, expression: &mut Expr) -> Kind {
        let Expr::Unary(unary) = expression else {
            return Kind::Plain;
        };
        let kind = self.expression(&mut unary.expr);
        if kind != Kind::Encrypted {
            return kind;
        }
        match &unary.op {
            UnOp::Deref(_) => {}
            UnOp::Neg(minus) => {
                let operand = unwrapped(&unary.expr).to_token_stream();
                let minus_one = quote_spanned!(minus.span()=> -1.0);
                *expression = call(
                    "scale",
                    &expression.to_token_stream(),
                    quote!(#operand, #minus_one),
                );
            }
            operator => self.errors.push(dialect::operator(operator)),
        }
        kind
    }

    pub(super) fn binary(&mut self, expression: &mut Expr) -> Kind {
        let Expr::Binary(binary) = expression else {
            return Kind::Plain;
        };
        let left = self.expression(&mut binary.left);
        let right = self.expression(&mut binary.right);
        let encrypted = left.max(right) == Kind::Encrypted;
        if is_assignment(&binary.op) && encrypted {
            self.assign(&mut binary.left.clone(), Kind::Encrypted);
        }
        if !encrypted {
            return left.max(right);
        }
        let both = left == Kind::Encrypted && right == Kind::Encrypted;
        let (function, assigns) = match binary.op {
            BinOp::Add(_) => ("add", false),
            BinOp::Sub(_) => ("sub", false),
            BinOp::Mul(_) => (if both { "mul" } else { "scale" }, false),
            BinOp::AddAssign(_) => ("add", true),
            BinOp::SubAssign(_) => ("sub", true),
            BinOp::MulAssign(_) => (if both { "mul" } else { "scale" }, true),
            _ => {
                self.errors.push(dialect::operator(&binary.op));
                return if is_comparison(expression) {
                    Kind::Plain
                } else {
                    Kind::Encrypted
                };
            }
        };
        let (x, y) = (unwrapped(&binary.left), unwrapped(&binary.right));
        // `scale` takes the tensor first.
        let arguments = if function == "scale" && right == Kind::Encrypted {
            quote!(#y, #x)
        } else {
            quote!(#x, #y)
        };
        let target = x.to_token_stream();
        let value = call(function, &expression.to_token_stream(), arguments);
        *expression = if assigns {
            parsed(quote!(#target = #value))
        } else {
            value
        };
        if assigns { Kind::Plain } else { Kind::Encrypted }
    }
}

pub(super) fn is_comparison(expression: &Expr) -> bool {
    use BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    match unwrapped(expression) {
        Expr::Binary(binary) => matches!(binary.op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_)),
        _ => false,
    }
}

fn is_assignment(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::MulAssign(_)
    )
}

/// `::he_nn::function(arguments)` in place of `replaced`.
fn call(function: &str, replaced: &TokenStream, arguments: TokenStream) -> Expr {
    parsed(spanning(quote!(::he_nn::), function, replaced, arguments))
}

/// Tokens put together here, as an expression.
fn parsed(tokens: TokenStream) -> Expr {
    Expr::Verbatim(tokens)
}
