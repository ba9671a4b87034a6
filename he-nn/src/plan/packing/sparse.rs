//! The nonzero structure of an affine map, row by row, without its weights.

/// One nonzero of a row: which input element it reads and which weight multiplies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Input element (flat, row-major).
    pub input: u32,
    /// Index into the array of weights.
    pub tap: u32,
}

/// Compressed rows of a sparse map from `columns` input elements to `rows` output elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseMap {
    columns: usize,
    start: Vec<u32>,
    entries: Vec<Entry>,
}

impl SparseMap {
    /// Collects the nonzeros that `visit` reports as (output, input, tap), in any order.
    pub fn collect(rows: usize, columns: usize, visit: impl Fn(&mut dyn FnMut(u32, u32, u32))) -> Self {
        let mut start = vec![0u32; rows + 1];
        visit(&mut |output, _, _| start[output as usize + 1] += 1);
        for row in 0..rows {
            start[row + 1] += start[row];
        }
        let mut next = start.clone();
        let mut entries = vec![Entry { input: 0, tap: 0 }; start[rows] as usize];
        visit(&mut |output, input, tap| {
            let at = &mut next[output as usize];
            entries[*at as usize] = Entry { input, tap };
            *at += 1;
        });
        SparseMap {
            columns,
            start,
            entries,
        }
    }

    /// Number of output elements.
    pub fn rows(&self) -> usize {
        self.start.len() - 1
    }

    /// Number of input elements.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The nonzeros of one output element.
    pub fn row(&self, row: usize) -> &[Entry] {
        &self.entries[self.start[row] as usize..self.start[row + 1] as usize]
    }

    /// Number of nonzeros.
    pub fn nonzeros(&self) -> usize {
        self.entries.len()
    }
}
