//! The nonzero structure of an affine map, row by row, without its weights.

/// One nonzero of a row: which input element it reads and which weight multiplies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Input element (flat, row-major).
    pub input: u32,
    /// Index into the array of weights.
    pub tap: u32,
}

/// Compressed rows of a sparse map from `columns` input elements to `rows` output elements. Rows may come in classes that read the
/// same inputs with weights of their own, as the channels of a convolution: the rows of one are stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SparseMap {
    columns: usize,
    classes: usize,
    /// Weights of a class.
    taps: u32,
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
        for row in start.windows(2) {
            entries[row[0] as usize..row[1] as usize].sort_unstable();
        }
        SparseMap {
            columns,
            classes: 1,
            taps: 0,
            start,
            entries,
        }
    }

    /// The rows of this map once for each of `classes` classes, each time with the next `taps` weights.
    #[must_use]
    pub fn repeated(self, classes: usize, taps: usize) -> Self {
        SparseMap {
            classes,
            taps: taps as u32,
            ..self
        }
    }

    fn class_rows(&self) -> usize {
        self.start.len() - 1
    }

    /// Number of output elements.
    pub fn rows(&self) -> usize {
        self.class_rows() * self.classes
    }

    /// Number of input elements.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether every row reads the inputs of the row `distance` rows before.
    pub fn repeats_after(&self, distance: usize) -> bool {
        distance.is_multiple_of(self.class_rows().max(1))
    }

    /// The stored entries of a row's class, and what to add to their taps.
    fn stored(&self, row: usize) -> (&[Entry], u32) {
        let (class, row) = (row / self.class_rows(), row % self.class_rows());
        let range = self.start[row] as usize..self.start[row + 1] as usize;
        (&self.entries[range], class as u32 * self.taps)
    }

    /// The nonzeros of one output element, by input.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Entry> {
        let (entries, first) = self.stored(row);
        entries.iter().map(move |entry| Entry {
            tap: entry.tap + first,
            ..*entry
        })
    }

    /// The weights with which an output element reads an input element. `near` remembers where in its row the last one stood: slots
    /// beside each other mostly ask for neighbours.
    pub fn taps(&self, row: usize, input: u32, near: &mut usize) -> impl Iterator<Item = u32> {
        let (entries, first) = self.stored(row);
        let is_start = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| entries.get(at));
            entries.get(at).is_some_and(|entry| entry.input == input)
                && before.is_none_or(|entry| entry.input < input)
        };
        let start = match [*near, *near + 1].into_iter().find(|&at| is_start(at)) {
            Some(start) => start,
            None => entries.partition_point(|entry| entry.input < input),
        };
        *near = start;
        let same = entries[start..]
            .iter()
            .take_while(move |entry| entry.input == input);
        same.map(move |entry| entry.tap + first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_read_the_same_with_weights_of_their_own() {
        let band = |visit: &mut dyn FnMut(u32, u32, u32)| {
            let entries = [(0, 2, 1), (0, 0, 0), (1, 2, 0)];
            entries
                .iter()
                .for_each(|&(output, input, tap)| visit(output, input, tap));
        };
        let map = SparseMap::collect(2, 3, band).repeated(3, 2);
        assert_eq!((map.rows(), map.columns()), (6, 3));
        let row = |row: usize| map.row(row).map(|e| (e.input, e.tap)).collect::<Vec<_>>();
        assert_eq!((row(0), row(1)), (vec![(0, 0), (2, 1)], vec![(2, 0)]));
        assert_eq!((row(4), row(5)), (vec![(0, 4), (2, 5)], vec![(2, 4)]));
        assert!(map.repeats_after(2) && map.repeats_after(4) && !map.repeats_after(3));
        for start in 0..3 {
            let taps = |input: u32| map.taps(4, input, &mut { start }).collect::<Vec<_>>();
            assert_eq!((taps(0), taps(1), taps(2)), (vec![4], vec![], vec![5]));
        }
    }

    #[test]
    fn one_input_may_be_read_twice() {
        let twice = SparseMap::collect(1, 2, |visit| {
            visit(0, 1, 0);
            visit(0, 1, 1);
        });
        for start in 0..3 {
            assert_eq!(twice.taps(0, 1, &mut { start }).collect::<Vec<_>>(), [0, 1]);
        }
    }
}
