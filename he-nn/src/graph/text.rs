//! Strings made in const code: a fixed buffer of bytes, filled from the left.

/// At most `N` bytes of UTF-8, usable in a `const fn`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const fn new() -> Self {
        Text {
            bytes: [0; N],
            length: 0,
        }
    }

    /// True if `more` bytes still fit.
    pub const fn fits(&self, more: usize) -> bool {
        self.length + more <= N
    }

    /// Appends `text`; what does not fit is cut at a character boundary, and so is everything after it.
    pub const fn push(mut self, text: &str) -> Self {
        let source = text.as_bytes();
        let mut end = source.len();
        if self.length + end > N {
            end = N - self.length;
            while end > 0 && source[end] & 0xc0 == 0x80 {
                end -= 1;
            }
        }
        let mut i = 0;
        while i < end {
            self.bytes[self.length + i] = source[i];
            i += 1;
        }
        self.length += end;
        self
    }

    /// Appends a number in decimal.
    pub const fn push_number(self, number: usize) -> Self {
        let mut digits = [0u8; 20];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        match core::str::from_utf8(digits.split_at(first).1) {
            Ok(digits) => self.push(digits),
            Err(_) => self,
        }
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }

    /// True if nothing was appended.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Number of bytes.
    pub const fn len(&self) -> usize {
        self.length
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const N: usize> core::fmt::Display for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_joined() {
        let text = Text::<32>::new()
            .push("layer")
            .push_number(0)
            .push(".")
            .push_number(10_207);
        assert_eq!(text.as_str(), "layer0.10207");
    }

    #[test]
    fn overflow_cuts_at_a_character_boundary() {
        let text = Text::<4>::new().push("abc").push("é");
        assert_eq!(text.as_str(), "abc");
        assert_eq!(Text::<4>::new().push("abé!").as_str(), "abé");
    }
}
