//! Small maps, checked by hand and nonzero by nonzero.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Cover, SparseMap};
use crate::plan::packing::candidate::{Anchors, Candidate, Placement};
use crate::plan::packing::place::{Places, Window};
use crate::plan::packing::tests::tile;

/// A full matrix whose taps count row by row.
fn matrix(rows: u32, columns: u32) -> SparseMap {
    SparseMap::collect(rows as usize, columns as usize, |visit| {
        (0..rows * columns).for_each(|tap| visit(tap / columns, tap % columns, tap));
    })
}

#[test]
fn the_diagonal_method_of_a_square_matrix() {
    let layout = tile(&[0, 1, 2, 3]);
    let candidate = Candidate {
        out_bits: vec![0, 1],
        ..Candidate::default()
    };
    let cover = Cover {
        map: Arc::new(matrix(4, 4)),
        places: Arc::new(Places::of(&layout, 4, 4)),
        window: Window::UPWARDS,
        owners: Placement::new(&candidate, &Anchors::single(), 4, 4).owners(),
    };
    // Diagonal r holds A[s][s + r] in slot s; rotation 2 of 4 is the same as -2.
    let found = cover.diagonals().unwrap();
    let rotations: Vec<i32> = found.list.iter().map(|diagonal| diagonal.rotation).collect();
    assert_eq!(rotations, [-2, -1, 0, 1]);
    assert_eq!(found.gathers, [true; 4]);
    for diagonal in found.list {
        let expected = (0..4u32).map(|s| (s, 4 * s + (s as i32 + diagonal.rotation).rem_euclid(4) as u32));
        assert_eq!(
            cover.nonzeros(diagonal),
            expected.collect::<Vec<_>>(),
            "{diagonal:?}"
        );
    }
}

/// What a cover finds, listed nonzero by nonzero: every entry of every instance is served once, by the diagonals that are found, in
/// slots that gather.
fn covers(cover: &Cover) {
    let found = cover.diagonals().unwrap();
    assert!(found.list.is_sorted());
    let mut served: HashMap<(u32, u32), Vec<u32>> = HashMap::new();
    let mut gathers = vec![false; found.gathers.len()];
    let periods = cover.periods().unwrap();
    assert_eq!(periods.len(), found.list.len());
    for &diagonal in &found.list {
        let nonzeros = cover.nonzeros(diagonal);
        assert!(!nonzeros.is_empty(), "{diagonal:?}");
        let period = periods[&diagonal] as u32;
        let repeats = |period: u32| {
            let moved = |&(slot, tap): &(u32, u32)| ((slot + period) % cover.owners.period as u32, tap);
            nonzeros.iter().all(|nonzero| nonzeros.contains(&moved(nonzero)))
        };
        assert!(
            repeats(period) && (period == 1 || !repeats(period / 2)),
            "{nonzeros:?}: {period}"
        );
        for (slot, tap) in nonzeros {
            let place = diagonal.output as usize * cover.owners.period + slot as usize;
            gathers[place] = true;
            let instance = cover.owners.instance[place];
            let (_, element) = cover
                .places
                .behind(diagonal.input, diagonal.rotation, slot)
                .unwrap();
            served.entry((instance, element)).or_default().push(tap);
        }
    }
    assert_eq!(gathers, found.gathers);
    let mut count = 0;
    for (instance, target) in cover.owners.targets.iter().enumerate() {
        for entry in cover.map.row(target.row as usize) {
            assert_eq!(served[&(instance as u32, entry.input)], [entry.tap]);
            count += 1;
        }
    }
    assert_eq!(served.len(), count);
}

#[test]
fn groups_of_channels_cover_what_each_channel_alone_would() {
    // Two rows of two pixels with one copy each; five channels, two a tile, read both pixels of their row with taps of their own.
    let layout = tile(&[0, 1, 2, 3, 0, 1, 2, 3]);
    let anchors = Anchors {
        at: vec![(0, 0), (0, 1), (0, 2), (0, 3)],
        window: Window::UPWARDS,
    };
    let rows = |visit: &mut dyn FnMut(u32, u32, u32)| {
        (0..8).for_each(|i| visit(i / 2, i / 4 * 2 + i % 2, i % 2));
    };
    let repeated = SparseMap::collect(4, 4, rows).repeated(5, 2);
    let listed = SparseMap::collect(20, 4, |visit| {
        (0..20).for_each(|row| {
            repeated
                .row(row as usize)
                .for_each(|e| visit(row, e.input, e.tap))
        });
    });
    for (out_bits, copy_bits, fold_bits) in [
        (vec![2], vec![], vec![]),
        (vec![], vec![2], vec![]),
        (vec![], vec![], vec![2]),
    ] {
        let candidate = Candidate {
            out_bits,
            fold_bits,
            copy_bits,
        };
        let [grouped, alone] = [&repeated, &listed].map(|map| Cover {
            map: Arc::new(map.clone()),
            places: Arc::new(Places::of(&layout, 8, 4)),
            window: anchors.window,
            owners: Placement::new(&candidate, &anchors, 5, 8).owners(),
        });
        covers(&grouped);
        covers(&alone);
        assert_eq!(grouped.diagonals().unwrap().list, alone.diagonals().unwrap().list);
        assert_eq!(grouped.periods(), alone.periods());
    }
}

#[test]
fn rotations_that_move_little_besides_a_grain_come_first() {
    // Copies of two phases of a row: phase 0 of both copies, then phase 1. Reading the other phase is one rotation for every
    // channel, although another copy of it stands nearer to some.
    let layout = tile(&[0, 2, 0, 2, 1, 3, 1, 3]);
    let map = SparseMap::collect(4, 4, |visit| {
        for channel in 0..2 {
            for position in 0..2 {
                visit(2 * channel + position, 2 * position + 1, 0);
            }
        }
    });
    let candidate = Candidate {
        out_bits: vec![1],
        fold_bits: vec![],
        copy_bits: vec![],
    };
    let read_by = |grain| {
        let anchors = Anchors {
            at: vec![(0, 0), (0, 1)],
            window: Window { bias: 0, grain },
        };
        let cover = Cover {
            map: Arc::new(map.clone()),
            places: Arc::new(Places::of(&layout, 8, 4)),
            window: anchors.window,
            owners: Placement::new(&candidate, &anchors, 2, 8).owners(),
        };
        covers(&cover);
        let list = cover.diagonals().unwrap().list;
        list.iter().map(|diagonal| diagonal.rotation).collect::<Vec<_>>()
    };
    assert_eq!((read_by(1), read_by(4)), (vec![-4, 2], vec![-4]));
}
