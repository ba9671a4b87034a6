//! The options of an attribute: `name = expression` or a bare `name`, separated by commas.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Token};

/// One option.
pub(crate) struct Setting {
    pub(crate) name: Ident,
    pub(crate) value: Option<Expr>,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Setting { name, value })
    }
}

/// All options of one attribute, taken out one by one; what is left at the end is unknown.
pub(crate) struct Settings {
    list: Vec<Setting>,
}

impl Settings {
    /// Parses options; duplicates are reported, the first counts.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Vec<Error>) -> Settings {
        let mut list: Vec<Setting> = Vec::new();
        match Punctuated::<Setting, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(parsed) => {
                for setting in parsed {
                    if list.iter().any(|known| known.name == setting.name) {
                        errors.push(Error::new(
                            setting.name.span(),
                            format!("option `{}` is given twice\nhelp: keep one of them", setting.name),
                        ));
                    } else {
                        list.push(setting);
                    }
                }
            }
            Err(error) => errors.push(error),
        }
        Settings { list }
    }

    /// Takes the option `name`, with or without a value.
    pub(crate) fn take(&mut self, name: &str) -> Option<Setting> {
        let index = self.list.iter().position(|setting| setting.name == name)?;
        Some(self.list.remove(index))
    }

    /// Takes `name = value`.
    pub(crate) fn value(&mut self, name: &str, example: &str, errors: &mut Vec<Error>) -> Option<Expr> {
        let setting = self.take(name)?;
        if setting.value.is_none() {
            errors.push(Error::new(
                setting.name.span(),
                format!("option `{name}` needs a value\nhelp: write `{name} = {example}`"),
            ));
        }
        setting.value
    }

    /// Takes `name = [a, b, ..]`, a shape.
    pub(crate) fn shape(&mut self, name: &str, errors: &mut Vec<Error>) -> Option<Expr> {
        let value = self.value(name, "[1, 28, 28]", errors)?;
        if !matches!(value, Expr::Array(_)) {
            errors.push(Error::new_spanned(
                &value,
                format!(
                    "`{name}` is a shape, a list of dimensions without the batch\nhelp: write `{name} = [1, 28, 28]`"
                ),
            ));
        }
        Some(value)
    }

    /// Takes the bare option `name`.
    pub(crate) fn flag(&mut self, name: &str, errors: &mut Vec<Error>) -> Option<Span> {
        let setting = self.take(name)?;
        if let Some(value) = setting.value {
            errors.push(Error::new_spanned(
                value,
                format!("option `{name}` takes no value\nhelp: write `{name}` alone"),
            ));
        }
        Some(setting.name.span())
    }

    /// Drops the option `name`, which an error already made pointless.
    pub(crate) fn discard(&mut self, name: &str) {
        self.list.retain(|setting| setting.name != name);
    }

    /// Reports every option nobody took. `known` are the names that could have stood there.
    pub(crate) fn finish(self, known: &[String], errors: &mut Vec<Error>) {
        for Setting { name, .. } in self.list {
            let near = known
                .iter()
                .min_by_key(|candidate| distance(candidate, &name.to_string()));
            let help = match near.filter(|near| distance(near, &name.to_string()) <= 2) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the options are `{}`", known.join("`, `")),
            };
            errors.push(Error::new(
                name.span(),
                format!("unknown option `{name}`\nhelp: {help}"),
            ));
        }
    }
}

/// Insertions, deletions and replacements of letters between two words (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn misspellings_are_near() {
        assert_eq!(distance("depth", "deph"), 1);
        assert_eq!(distance("range", "rnage"), 2);
        assert_eq!(distance("bootstrap", "bootstrap"), 0);
        assert_eq!(distance("", "abc"), 3);
    }
}
