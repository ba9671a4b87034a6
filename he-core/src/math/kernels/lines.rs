//! A permutation of a limb that moves whole cache lines and permutes the words within each by one of eight patterns.

/// For each line of the result: the line of the operand it comes from, and the pattern.
#[derive(Clone, Debug)]
pub(in crate::math) struct Lines {
    /// Line, times 8, plus pattern.
    entries: Vec<u32>,
    patterns: [[u64; 8]; 8],
}

impl Lines {
    /// The permutation `out[8 l + k] = a[8 line(l) + patterns[pattern(l)][k]]`, with `(line, pattern)` of each `l` given.
    ///
    /// # Panics
    /// If a line is none of the operand's, or a pattern leaves its line: kernels rely on both.
    pub(in crate::math) fn new(
        entries: impl ExactSizeIterator<Item = (u32, u32)>,
        patterns: [[u64; 8]; 8],
    ) -> Self {
        let count = entries.len() as u32;
        assert!(
            patterns.iter().flatten().all(|&k| k < 8),
            "a pattern leaves its line"
        );
        let pack = |(line, pattern): (u32, u32)| {
            assert!(
                line < count && pattern < 8,
                "line {line} of {count}, pattern {pattern} of 8"
            );
            line << 3 | pattern
        };
        Self {
            entries: entries.map(pack).collect(),
            patterns,
        }
    }

    /// Words permuted.
    pub(in crate::math) fn n(&self) -> usize {
        self.entries.len() * 8
    }

    /// The line that line `l` of the result comes from, and where in it each word stands.
    #[inline]
    pub(super) fn entry(&self, l: usize) -> (usize, &[u64; 8]) {
        let entry = self.entries[l];
        ((entry >> 3) as usize, &self.patterns[(entry & 7) as usize])
    }
}
