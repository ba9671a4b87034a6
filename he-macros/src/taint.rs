//! Which locals are encrypted.
//!
//! A guess from syntax, on the encrypted side: parameters of type `Tensor`, results of calls that take one (or a `Weights`), and
//! whatever is computed from those. A wrong guess is a type error in the rewritten function, never a wrong network; `plain!(..)`
//! corrects it. Methods are the exception: the methods of a tensor ask for its shape, which is plain.

use std::collections::HashMap;

use syn::visit::{self, Visit};
use syn::{Ident, Pat, Type};

/// What an expression may hold, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Known at compile time.
    Plain,
    /// A scope of weights: calls with it may make tensors.
    Weights,
    /// A tensor, or something that contains one.
    Encrypted,
}

/// The locals in scope, innermost last.
pub(crate) struct Scopes {
    stack: Vec<HashMap<String, Kind>>,
}

impl Scopes {
    pub(crate) fn new() -> Scopes {
        Scopes {
            stack: vec![HashMap::new()],
        }
    }

    pub(crate) fn enter(&mut self) {
        self.stack.push(HashMap::new());
    }

    pub(crate) fn leave(&mut self) {
        self.stack.pop();
    }

    /// Binds every name of a pattern. A tuple pattern takes its kinds from `parts`, if the initialiser is a tuple too.
    pub(crate) fn bind(&mut self, pattern: &Pat, kind: Kind, parts: &[Kind]) {
        match pattern {
            Pat::Type(typed) => self.bind(&typed.pat, kind, parts),
            Pat::Tuple(tuple) if tuple.elems.len() == parts.len() => {
                for (element, &part) in tuple.elems.iter().zip(parts) {
                    self.bind(element, part, &[]);
                }
            }
            _ => {
                let mut names = Names(Vec::new());
                names.visit_pat(pattern);
                for name in names.0 {
                    if let Some(scope) = self.stack.last_mut() {
                        scope.insert(name, kind);
                    }
                }
            }
        }
    }

    /// Raises the kind of an existing local after an assignment; true if that changed it.
    pub(crate) fn raise(&mut self, name: &Ident, kind: Kind) -> bool {
        let name = name.to_string();
        for scope in self.stack.iter_mut().rev() {
            if let Some(known) = scope.get_mut(&name) {
                let changed = kind > *known;
                *known = kind.max(*known);
                return changed;
            }
        }
        false
    }

    /// The kind of a name; what is not a local is plain.
    pub(crate) fn kind(&self, name: &Ident) -> Kind {
        let name = name.to_string();
        self.stack
            .iter()
            .rev()
            .find_map(|scope| scope.get(&name))
            .copied()
            .unwrap_or(Kind::Plain)
    }

    /// The state of all locals, to see whether a loop's body changed it.
    pub(crate) fn snapshot(&self) -> Vec<HashMap<String, Kind>> {
        self.stack.clone()
    }
}

/// The kind a type announces: `None` if the type does not say.
pub(crate) fn kind_of_type(ty: &Type) -> Option<Kind> {
    struct Mentions(Kind);
    impl Visit<'_> for Mentions {
        fn visit_ident(&mut self, ident: &Ident) {
            if ident == "Tensor" {
                self.0 = Kind::Encrypted;
            } else if ident == "Weights" {
                self.0 = self.0.max(Kind::Weights);
            }
        }
    }
    let mut mentions = Mentions(Kind::Plain);
    mentions.visit_type(ty);
    match (mentions.0, ty) {
        (Kind::Plain, Type::Infer(_)) => None,
        (kind, _) => Some(kind),
    }
}

struct Names(Vec<String>);

impl<'a> Visit<'a> for Names {
    fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
        self.0.push(pattern.ident.to_string());
        visit::visit_pat_ident(self, pattern);
    }
}
