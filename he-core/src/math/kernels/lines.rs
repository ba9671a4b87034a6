//! A permutation of a limb that moves whole cache lines and permutes the words within each by one of eight patterns.

/// For each line of the result: the line of the operand it comes from, and the pattern.
#[derive(Clone, Debug)]
pub(in crate::math) struct Lines {
    /// Line, times 8, plus pattern.
    entries: Vec<u32>,
    /// Line of the result that each line of the operand goes to.
    targets: Vec<u32>,
    patterns: [[u64; 8]; 8],
}

impl Lines {
    /// The permutation `out[8 l + k] = a[8 line(l) + patterns[pattern(l)][k]]`, with `(line, pattern)` of each `l` given.
    ///
    /// # Panics
    /// If the lines are no permutation, or a pattern leaves its line: kernels rely on both.
    pub(in crate::math) fn new(
        entries: impl ExactSizeIterator<Item = (u32, u32)>,
        patterns: [[u64; 8]; 8],
    ) -> Self {
        let count = entries.len() as u32;
        assert!(
            patterns.iter().flatten().all(|&k| k < 8),
            "a pattern leaves its line"
        );
        let mut targets = vec![u32::MAX; count as usize];
        let mut pack = |(l, (line, pattern)): (u32, (u32, u32))| {
            assert!(
                line < count && pattern < 8,
                "line {line} of {count}, pattern {pattern} of 8"
            );
            targets[line as usize] = l;
            line << 3 | pattern
        };
        let entries = (0..).zip(entries).map(&mut pack).collect();
        assert!(targets.iter().all(|&l| l < count), "a line goes nowhere");
        Self {
            entries,
            targets,
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

    /// The line of the result that line `l` of the operand goes to, and where in it each word comes from.
    #[inline]
    pub(super) fn target(&self, l: usize) -> (usize, &[u64; 8]) {
        let to = self.targets[l] as usize;
        (to, &self.patterns[(self.entries[to] & 7) as usize])
    }
}
