//! Error messages made in const code. rustc prints them behind `evaluation panicked:` and indents continued lines itself.

use super::{Shape, Text};

/// A message under construction. The style of all of them: lower case, what was found against what is allowed, `help:` lines last.
#[derive(Clone, Copy)]
pub(crate) struct Message(Text<1200>);

impl Message {
    pub(crate) const fn new(text: &str) -> Message {
        Message(Text::new().push(text))
    }

    pub(crate) const fn text(self, text: &str) -> Message {
        Message(self.0.push(text))
    }

    pub(crate) const fn number(self, number: usize) -> Message {
        Message(self.0.push_number(number))
    }

    /// `1 level`, `2 levels`.
    pub(crate) const fn count(self, number: usize, unit: &str) -> Message {
        let message = self.number(number).text(" ").text(unit);
        if number == 1 { message } else { message.text("s") }
    }

    /// `[3, 32, 32]`.
    pub(crate) const fn shape(self, shape: &Shape) -> Message {
        let mut message = self.text("[");
        let mut i = 0;
        while i < shape.rank() {
            if i > 0 {
                message = message.text(", ");
            }
            message = message.number(shape.dim(i));
            i += 1;
        }
        message.text("]")
    }

    /// Starts the line that says what to do.
    pub(crate) const fn help(self, text: &str) -> Message {
        self.text("\nhelp: ").text(text)
    }

    /// The text so far.
    #[cfg(test)]
    pub(crate) const fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Ends the evaluation: this is the compile error.
    #[track_caller]
    #[expect(clippy::panic, reason = "a panic in a const rule is the compile error")]
    pub(crate) const fn raise(self) -> ! {
        panic!("{}", self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_assembled_in_order() {
        let message = Message::new("needs ")
            .count(1, "level")
            .text(" of ")
            .count(3, "level")
            .help("use ");
        assert_eq!(
            message.shape(&Shape::new(&[1, 28])).as_str(),
            "needs 1 level of 3 levels\nhelp: use [1, 28]"
        );
    }
}
