//! From the dialect to const code: operators on tensors become calls (see `operators`), and `for` becomes `while` (see [`loops`]).
//!
//! One walk in evaluation order. It knows the kind of every local ([`Scopes`]) at that point, so shadowing is honoured; the body of
//! a loop is walked until the kinds settle. Every new token carries the span of the user's text it stands for, so that rustc's
//! errors point there.

mod operators;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Block, Error, Expr, Pat, Stmt, token};

use crate::taint::{Kind, Scopes, kind_of_type};
use crate::{dialect, loops};
use operators::is_comparison;

/// Rewrites the body of one annotated function.
pub(crate) struct Rewriter<'a> {
    scopes: Scopes,
    errors: &'a mut Vec<Error>,
    /// In a model: the trace that is told where each statement begins.
    marker: Option<Ident>,
    /// Highest kind of a value that a `break` carried out.
    broken: Kind,
}

impl<'a> Rewriter<'a> {
    pub(crate) fn new(errors: &'a mut Vec<Error>, marker: Option<Ident>) -> Rewriter<'a> {
        Rewriter {
            scopes: Scopes::new(),
            errors,
            marker,
            broken: Kind::Plain,
        }
    }

    /// Declares a parameter of the function.
    pub(crate) fn declare(&mut self, pattern: &Pat, kind: Kind) {
        self.scopes.bind(pattern, kind, &[]);
    }

    /// Rewrites a block and tells what its value holds.
    pub(crate) fn block(&mut self, block: &mut Block) -> Kind {
        self.scopes.enter();
        let mut kind = Kind::Plain;
        let mut statements = Vec::with_capacity(block.stmts.len());
        for mut statement in std::mem::take(&mut block.stmts) {
            if let (Some(trace), false) = (&self.marker, matches!(statement, Stmt::Item(_))) {
                let span = first_span(&statement);
                statements.push(Stmt::Expr(
                    Expr::Verbatim(quote_spanned!(span=> #trace.statement())),
                    Some(token::Semi(span)),
                ));
            }
            kind = self.statement(&mut statement);
            statements.push(statement);
        }
        block.stmts = statements;
        self.scopes.leave();
        kind
    }

    fn statement(&mut self, statement: &mut Stmt) -> Kind {
        match statement {
            Stmt::Local(local) => {
                let mut kind = Kind::Plain;
                let mut parts = Vec::new();
                if let Some(init) = &mut local.init {
                    (kind, parts) = self.with_parts(&mut init.expr);
                    if let Some((_, diverge)) = &mut init.diverge {
                        self.expression(diverge);
                    }
                }
                if let Pat::Type(typed) = &local.pat
                    && let Some(announced) = kind_of_type(&typed.ty)
                {
                    (kind, parts) = (announced, Vec::new());
                }
                self.scopes.bind(&local.pat, kind, &parts);
                Kind::Plain
            }
            Stmt::Item(_) => Kind::Plain,
            Stmt::Expr(expression, semi) => {
                let kind = self.expression(expression);
                if semi.is_some() { Kind::Plain } else { kind }
            }
            Stmt::Macro(statement) => self.macro_call(&statement.mac),
        }
    }

    /// The kind of an expression, and of its parts if it is a tuple.
    fn with_parts(&mut self, expression: &mut Expr) -> (Kind, Vec<Kind>) {
        if let Expr::Tuple(tuple) = expression {
            let parts: Vec<Kind> = tuple
                .elems
                .iter_mut()
                .map(|element| self.expression(element))
                .collect();
            (parts.iter().copied().max().unwrap_or(Kind::Plain), parts)
        } else {
            (self.expression(expression), Vec::new())
        }
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e mut Expr>) -> Kind {
        expressions
            .into_iter()
            .map(|expression| self.expression(expression))
            .max()
            .unwrap_or(Kind::Plain)
    }

    fn expression(&mut self, expression: &mut Expr) -> Kind {
        match expression {
            Expr::Array(array) => self.all(&mut array.elems),
            Expr::Assign(assign) => {
                let kind = self.expression(&mut assign.right);
                self.assign(&mut assign.left, kind);
                Kind::Plain
            }
            Expr::Async(inner) => self.refuse(dialect::effect(&inner.async_token, "async")),
            Expr::Await(inner) => self.refuse(dialect::effect(&inner.await_token, "await")),
            Expr::Binary(_) => self.binary(expression),
            Expr::Block(inner) => {
                let outer = std::mem::replace(&mut self.broken, Kind::Plain);
                let kind = self.block(&mut inner.block);
                kind.max(std::mem::replace(&mut self.broken, outer))
            }
            Expr::Break(inner) => {
                if let Some(value) = &mut inner.expr {
                    let kind = self.expression(value);
                    self.broken = self.broken.max(kind);
                }
                Kind::Plain
            }
            Expr::Call(call) => {
                self.expression(&mut call.func);
                if self.all(&mut call.args) == Kind::Plain {
                    Kind::Plain
                } else {
                    Kind::Encrypted
                }
            }
            Expr::Cast(cast) => {
                self.expression(&mut cast.expr);
                Kind::Plain
            }
            Expr::Closure(closure) => self.refuse(dialect::closure(closure)),
            Expr::Field(field) => self.expression(&mut field.base),
            Expr::ForLoop(_) => self.for_loop(expression),
            Expr::Group(group) => self.expression(&mut group.expr),
            Expr::If(branch) => {
                self.scopes.enter();
                self.condition("if", &mut branch.cond);
                let mut kind = self.block(&mut branch.then_branch);
                self.scopes.leave();
                if let Some((_, other)) = &mut branch.else_branch {
                    kind = kind.max(self.expression(other));
                }
                kind
            }
            Expr::Index(index) => {
                let kind = self.expression(&mut index.expr);
                if self.expression(&mut index.index) == Kind::Encrypted {
                    self.errors.push(dialect::index(&index.index));
                }
                kind
            }
            Expr::Loop(inner) => {
                let outer = std::mem::replace(&mut self.broken, Kind::Plain);
                self.settle(&inner.body);
                self.block(&mut inner.body);
                std::mem::replace(&mut self.broken, outer)
            }
            Expr::Macro(inner) => self.macro_call(&inner.mac),
            Expr::Match(inner) => {
                let scrutinee = self.expression(&mut inner.expr);
                if scrutinee == Kind::Encrypted {
                    self.errors.push(dialect::branch("match", &inner.expr));
                }
                let mut kind = Kind::Plain;
                for arm in &mut inner.arms {
                    self.scopes.enter();
                    if let Pat::Guard(pattern) = &mut arm.pat {
                        self.scopes.bind(&pattern.pat, scrutinee, &[]);
                        self.condition("if", &mut pattern.guard);
                    } else {
                        self.scopes.bind(&arm.pat, scrutinee, &[]);
                    }
                    kind = kind.max(self.expression(&mut arm.body));
                    self.scopes.leave();
                }
                kind
            }
            Expr::MethodCall(call) => {
                let receiver = self.expression(&mut call.receiver);
                let arguments = self.all(&mut call.args);
                match receiver {
                    Kind::Encrypted => Kind::Plain,
                    Kind::Weights if call.method == "param" => Kind::Encrypted,
                    Kind::Weights => Kind::Weights,
                    Kind::Plain => arguments,
                }
            }
            Expr::Paren(paren) => self.expression(&mut paren.expr),
            Expr::Path(path) => path
                .path
                .get_ident()
                .map_or(Kind::Plain, |name| self.scopes.kind(name)),
            Expr::Range(range) => {
                let ends = [&mut range.start, &mut range.end];
                self.all(ends.into_iter().flatten().map(|end| &mut **end))
            }
            Expr::Reference(reference) => self.expression(&mut reference.expr),
            Expr::Repeat(repeat) => self.expression(&mut repeat.expr),
            Expr::Return(inner) => self.refuse(dialect::early_return(&inner.return_token)),
            Expr::Struct(inner) => {
                let fields = self.all(inner.fields.iter_mut().map(|field| &mut field.expr));
                let rest = self.all(inner.rest.as_deref_mut());
                fields.max(rest)
            }
            Expr::Try(inner) => self.refuse(dialect::question_mark(&inner.question_token)),
            Expr::Tuple(tuple) => self.all(&mut tuple.elems),
            Expr::Unary(_) => self.unary(expression),
            Expr::Unsafe(inner) => self.refuse(dialect::effect(&inner.unsafe_token, "unsafe")),
            Expr::While(inner) => {
                self.scopes.enter();
                self.settle(&inner.body);
                self.condition("while", &mut inner.cond);
                self.block(&mut inner.body);
                self.scopes.leave();
                Kind::Plain
            }
            // Literals, and what rustc will refuse by itself.
            _ => Kind::Plain,
        }
    }

    fn refuse(&mut self, error: Error) -> Kind {
        self.errors.push(error);
        Kind::Plain
    }

    /// A condition of `if` or `while`, with its `let`s.
    fn condition(&mut self, keyword: &str, condition: &mut Expr) {
        match condition {
            Expr::Let(binding) => {
                let (kind, parts) = self.with_parts(&mut binding.expr);
                if kind == Kind::Encrypted {
                    self.errors
                        .push(dialect::branch(&format!("{keyword} let"), &binding.expr));
                }
                self.scopes.bind(&binding.pat, kind, &parts);
            }
            Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => {
                self.condition(keyword, &mut both.left);
                self.condition(keyword, &mut both.right);
            }
            other => {
                let known = self.errors.len();
                // The operators of the condition complain themselves, once.
                if self.expression(other) == Kind::Encrypted && self.errors.len() == known {
                    self.errors.push(dialect::branch(keyword, &*other));
                } else if self.errors.len() > known && is_comparison(other) {
                    self.errors.truncate(known);
                    self.errors.push(dialect::branch(keyword, &*other));
                }
            }
        }
    }

    fn assign(&mut self, target: &mut Expr, kind: Kind) {
        match target {
            Expr::Path(path) => {
                if let Some(name) = path.path.get_ident() {
                    self.scopes.raise(name, kind);
                }
            }
            Expr::Tuple(tuple) => tuple
                .elems
                .iter_mut()
                .for_each(|element| self.assign(element, kind)),
            Expr::Index(index) => {
                if self.expression(&mut index.index) == Kind::Encrypted {
                    self.errors.push(dialect::index(&index.index));
                }
                self.assign(&mut index.expr, kind);
            }
            Expr::Field(field) => self.assign(&mut field.base, kind),
            Expr::Paren(paren) => self.assign(&mut paren.expr, kind),
            _ => {}
        }
    }

    /// A macro is not looked into; it holds what the names in it hold, unless it is `plain!`.
    fn macro_call(&mut self, call: &syn::Macro) -> Kind {
        let plain = [
            "plain",
            "assert",
            "assert_eq",
            "assert_ne",
            "debug_assert",
            "panic",
            "matches",
            "unreachable",
        ];
        if call
            .path
            .segments
            .last()
            .is_some_and(|segment| plain.iter().any(|name| segment.ident == name))
        {
            return Kind::Plain;
        }
        self.mentioned(call.tokens.clone())
    }

    fn mentioned(&self, tokens: TokenStream) -> Kind {
        tokens
            .into_iter()
            .map(|token| match token {
                TokenTree::Ident(name) => self.scopes.kind(&name),
                TokenTree::Group(group) => self.mentioned(group.stream()),
                _ => Kind::Plain,
            })
            .max()
            .unwrap_or(Kind::Plain)
    }

    /// Walks a loop's body until the kinds of the locals outside it no longer rise.
    fn settle(&mut self, body: &Block) {
        let known = self.errors.len();
        loop {
            let before = self.scopes.snapshot();
            self.block(&mut body.clone());
            self.errors.truncate(known);
            if self.scopes.snapshot() == before {
                return;
            }
        }
    }

    fn for_loop(&mut self, expression: &mut Expr) -> Kind {
        let Expr::ForLoop(inner) = expression else {
            return Kind::Plain;
        };
        let kind = self.expression(&mut inner.expr);
        self.scopes.enter();
        self.scopes.bind(&inner.pat, kind, &[]);
        self.settle(&inner.body);
        self.block(&mut inner.body);
        self.scopes.leave();
        match loops::rewrite(inner) {
            Ok(rewritten) => *expression = rewritten,
            Err(error) => self.errors.push(error),
        }
        Kind::Plain
    }
}

/// An expression without its parentheses.
pub(crate) fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => unwrapped(&paren.expr),
        Expr::Group(group) => unwrapped(&group.expr),
        other => other,
    }
}

/// `path function(arguments)`, whose span runs from the first to the last token of `place`.
pub(crate) fn spanning(
    path: TokenStream,
    function: &str,
    place: &TokenStream,
    arguments: TokenStream,
) -> TokenStream {
    let first = first_span(place);
    let last = place
        .clone()
        .into_iter()
        .last()
        .map_or(first, |token| match token {
            TokenTree::Group(group) => group.span_close(),
            other => other.span(),
        });
    let name = Ident::new(function, first);
    let path = path.into_iter().map(|mut token| {
        token.set_span(first);
        token
    });
    let mut parentheses = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, arguments);
    parentheses.set_span(last);
    quote!(#(#path)* #name #parentheses)
}

fn first_span(tokens: &impl ToTokens) -> Span {
    tokens
        .to_token_stream()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span())
}
