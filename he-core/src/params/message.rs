//! Text assembled in constant evaluation, where `format!` does not exist.

/// A text of at most 384 bytes; more is cut.
pub(super) struct Message {
    bytes: [u8; 384],
    len: usize,
}

impl Message {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; 384],
            len: 0,
        }
    }

    pub(super) const fn text(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = bytes[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    pub(super) const fn number(mut self, value: u64) -> Self {
        let mut digits = [0u8; 20];
        let mut first = digits.len();
        let mut rest = value;
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        while first < digits.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = digits[first];
            self.len += 1;
            first += 1;
        }
        self
    }

    /// A non-negative number with two decimals.
    pub(super) const fn hundredths(self, value: f64) -> Self {
        let hundredths = (value * 100.0 + 0.5) as u64;
        self.number(hundredths / 100)
            .text(".")
            .number(hundredths / 10 % 10)
            .number(hundredths % 10)
    }

    pub(super) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "text cut within a character",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_decimals() {
        let text = Message::new()
            .text("a ")
            .number(0)
            .text(" b ")
            .number(1_234_567)
            .text(" c ")
            .hundredths(431.006);
        assert_eq!(text.as_str(), "a 0 b 1234567 c 431.01");
    }

    #[test]
    fn long_texts_are_cut() {
        let mut text = Message::new();
        for _ in 0..50 {
            text = text.text("0123456789");
        }
        assert_eq!(text.as_str().len(), 384);
    }
}
