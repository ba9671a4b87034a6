//! Bytes that several owners read, wherever they are: a message, or a file mapped to memory.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A range of bytes that someone keeps alive. Clones and [`parts`](Self::part) share them.
#[derive(Clone)]
pub struct SharedBytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl SharedBytes {
    /// All bytes of an owner, for instance a `Vec<u8>` or a memory map. It must go on answering with the same bytes: fewer are a panic,
    /// others give wrong results.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let range = 0..owner.as_ref().len();
        Self {
            owner: Arc::new(owner),
            range,
        }
    }

    /// A range of these bytes. None where it ends beyond them.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        (range.start <= range.end && range.end <= self.range.len()).then(|| Self {
            owner: self.owner.clone(),
            range: self.range.start + range.start..self.range.start + range.end,
        })
    }

    /// A range of these bytes and the `slack` bytes behind it. None where the owner has fewer.
    pub(crate) fn with_slack(&self, range: Range<usize>, slack: usize) -> Option<Self> {
        let part = self.part(range)?;
        let end = part.range.end.checked_add(slack)?;
        ((*part.owner).as_ref().len() >= end).then(|| Self {
            range: part.range.start..end,
            owner: part.owner,
        })
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedBytes {}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_where_the_whole_does_and_slack_where_the_owner_does() {
        let bytes = SharedBytes::from((0..100).collect::<Vec<u8>>());
        let part = bytes.part(10..40).unwrap();
        assert_eq!((part.len(), part[0], part.part(5..6).unwrap()[0]), (30, 10, 15));
        assert_eq!(
            (part.part(0..31), part.part(30..30).map(|part| part.len())),
            (None, Some(0))
        );
        assert_eq!(part.with_slack(0..30, 60).unwrap().len(), 90);
        assert_eq!(part.with_slack(0..30, 61), None);
        assert_eq!(part.with_slack(0..31, 0), None);
    }
}
