//! Small packings, checked by hand.

use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};

use super::bits::{SlotBits, mask, spread};
use super::candidate::{Anchors, Candidate, Placement, candidates};
use super::cover::Diagonal;
use super::fold::{Names, RowOf, folded_layout, sum_of_elements};
use super::input::{Image, Reader, arrangements};
use super::merge::Merge;
use super::pool::window_sums;
use super::sparse::SparseMap;
use super::split::{Rotations, Split, Splits};

/// One tile; negative numbers are zeros.
pub(super) fn tile(cells: &[i32]) -> Arc<Layout> {
    Arc::new(Layout::from_fn(1, cells.len(), |_, slot| match cells[slot] {
        element if element >= 0 => Cell::Element(element as u32),
        _ => Cell::Zero,
    }))
}

/// The elements of a tile: -1 for zeros, -2 for what is unknown.
fn cells(layout: &Layout) -> Vec<i32> {
    let code = |(_, _, cell)| match cell {
        Cell::Element(element) => element as i32,
        Cell::Zero => -1,
        _ => -2,
    };
    layout.cells().map(code).collect()
}

/// Windows of `size` neighbours of a row of elements, side by side.
fn windows(count: u32, size: u32) -> SparseMap {
    SparseMap::collect(count as usize, (count * size) as usize, |visit| {
        (0..count * size).for_each(|element| visit(element / size, element, 0));
    })
}

#[test]
fn bits_are_data_copies_or_gaps() {
    // x0 x1 0 0 x0 x1 0 0: bit 0 tells elements apart, bit 1 leaves a gap, bit 2 repeats.
    let bits = SlotBits::of(&tile(&[0, 1, -1, -1, 0, 1, -1, -1]), 8);
    assert_eq!(
        bits,
        SlotBits {
            data: vec![0],
            copies: vec![2],
            gaps: vec![1]
        }
    );
    // Beyond the period stand other samples.
    let bits = SlotBits::of(&tile(&[0, 1, 0, 1, 2, 3, 2, 3]), 4);
    assert_eq!(
        bits,
        SlotBits {
            data: vec![0],
            copies: vec![1],
            gaps: vec![]
        }
    );
}

#[test]
fn numbers_are_spread_over_bits() {
    assert_eq!(
        (0..4).map(|value| spread(value, &[1, 3])).collect::<Vec<_>>(),
        [0, 2, 8, 10]
    );
    assert_eq!(mask(&[1, 3]), 10);
}

#[test]
fn a_fold_over_top_bits_gives_copies_and_over_middle_bits_one_slot_of_a_block() {
    let layout = tile(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let folded = |stage: Vec<i32>, rows: &[&[u32]]| {
        let mut names = Names::of_layout(&layout);
        names.fold(&[stage]);
        let name =
            |(row, elements): (usize, &&[u32])| (sum_of_elements(elements.iter().copied()), row as u32);
        let row_of: RowOf = rows.iter().enumerate().map(name).collect();
        cells(&names.layout(&row_of, rows.len(), 8))
    };
    // Over bit 2, the highest: x_s + x_{s+4} stands in both halves.
    assert_eq!(
        folded(vec![0, 4], &[&[0, 4], &[1, 5], &[2, 6], &[3, 7]]),
        [0, 1, 2, 3, 0, 1, 2, 3]
    );
    // Over bit 1: only the lower slots of each block of four hold a sum of their own block.
    assert_eq!(
        folded(vec![0, 2], &[&[0, 2], &[1, 3], &[4, 6], &[5, 7]]),
        [0, 1, -2, -2, 2, 3, -2, -2]
    );
}

#[test]
fn what_folds_carry_into_another_sample_is_unknown() {
    // Two samples of two rows, each in a period of four: row 0 in slots 0 and 2, row 1 in slots 1 and 3.
    let candidate = Candidate {
        out_bits: vec![0],
        fold_bits: vec![1],
        copy_bits: vec![],
    };
    let owners = Placement::new(&candidate, &Anchors::single(), 2, 4).owners();
    assert_eq!(owners.instance, [0, 1, 0, 1]);
    // Only slots 0 and 1 receive products: folding carries them to slots 2 and 3 of the sample in front, where they are foreign.
    let gathers = [true, true, false, false];
    let layout = folded_layout(8, 2, &owners, &gathers, &candidate.stages(1));
    assert_eq!(cells(&layout), [0, 1, -2, -2, 2, 3, -2, -2]);
}

#[test]
fn a_row_without_nonzeros_stands_where_its_bias_goes() {
    let candidate = Candidate {
        out_bits: vec![0],
        fold_bits: vec![],
        copy_bits: vec![],
    };
    let owners = Placement::new(&candidate, &Anchors::single(), 2, 2).owners();
    let layout = folded_layout(4, 2, &owners, &[true, false], &[]);
    assert_eq!(cells(&layout), [0, 1, 2, 3]);
}

#[test]
fn candidates_of_a_dense_layer_use_every_data_bit() {
    let bits = SlotBits::of(&tile(&[0, 1, 2, 3]), 4);
    let all = candidates(&bits, &Anchors::single(), 4);
    let has = |out: &[u32], fold: &[u32]| all.iter().any(|c| c.out_bits == out && c.fold_bits == fold);
    assert!(has(&[0, 1], &[]), "the diagonal method");
    assert!(has(&[0], &[1]) && has(&[1], &[0]), "half of each");
    assert!(has(&[], &[0, 1]), "one output a tile");
    for candidate in &all {
        let used = mask(&candidate.out_bits) + mask(&candidate.fold_bits);
        assert_eq!(used & !3, 0, "{candidate:?}");
        assert_eq!(
            mask(&candidate.out_bits) & mask(&candidate.fold_bits),
            0,
            "{candidate:?}"
        );
    }
}

#[test]
fn stages_fold_low_bits_first() {
    let candidate = Candidate {
        out_bits: vec![],
        fold_bits: vec![0, 2, 3],
        copy_bits: vec![],
    };
    assert_eq!(candidate.stages(1), [vec![0, 1], vec![0, 4], vec![0, 8]]);
    assert_eq!(candidate.stages(2), [vec![0, 1, 4, 5], vec![0, 8]]);
}

#[test]
fn a_split_adds_up_and_counts_its_steps() {
    let split = Split { modulus: 4, bias: 1 };
    for rotation in -20..20 {
        let (giant, baby) = split.of(rotation);
        assert_eq!(giant + baby, rotation);
        assert!(
            (-1..3).contains(&baby) && giant % 4 == 0,
            "{rotation}: {giant} {baby}"
        );
    }
    let diagonals: Vec<Diagonal> = (0..16)
        .map(|rotation| Diagonal {
            output: 0,
            input: 0,
            rotation,
        })
        .collect();
    let counted = Rotations::of(&diagonals, 0, 64).steps(4);
    assert_eq!(
        (counted.babies, counted.giants, counted.decompositions),
        (3, 3, 1)
    );
    assert_eq!(
        counted.rotations.into_iter().collect::<Vec<_>>(),
        [1, 2, 3, 4, 8, 12]
    );
    // With one price for all steps the square root wins; with free babies there is nothing else.
    let splits = Splits::of(&diagonals, 0, 64);
    assert_eq!(splits.products(), 16);
    let even = splits.cheapest(|s| (s.babies + s.giants) as f64).unwrap();
    assert_eq!((even.0.modulus, even.2), (4, 6.0));
    let free = splits.cheapest(|s| s.giants as f64).unwrap();
    assert_eq!((free.0.modulus, free.2), (16, 0.0));
}

#[test]
fn windows_on_a_gapped_grid_keep_the_gaps() {
    // What a stride of two leaves: elements in every other slot.
    let layout = tile(&[0, -1, 1, -1, 2, -1, 3, -1]);
    let sums = window_sums(&windows(2, 2), &layout, 8, 1).unwrap();
    assert_eq!(
        (sums.parts[0][0].first, &sums.parts[0][0].stages),
        (0, &vec![vec![0, 2]])
    );
    let found = cells(&sums.layout);
    assert_eq!((found[0], found[4]), (0, 1));
    assert!(found.iter().filter(|&&cell| cell >= 0).count() == 2, "{found:?}");
}

#[test]
fn windows_over_phases_in_the_highest_bits_leave_copies() {
    // Even elements, then odd ones: each window lies in both halves of the tile.
    let layout = tile(&[0, 2, 4, 6, 1, 3, 5, 7]);
    let sums = window_sums(&windows(4, 2), &layout, 8, 1).unwrap();
    assert_eq!(
        (sums.parts[0][0].first, &sums.parts[0][0].stages),
        (0, &vec![vec![0, 4]])
    );
    assert_eq!(cells(&sums.layout), [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn windows_cut_off_at_the_border_are_not_packed() {
    // The second window lacks its second element, whose slot holds another one.
    let map = SparseMap::collect(2, 4, |visit| {
        visit(0, 0, 0);
        visit(0, 1, 0);
        visit(1, 2, 0);
    });
    assert!(window_sums(&map, &tile(&[0, 1, 2, 3]), 4, 1).is_none());
    // Where a zero stands beyond the border, one set of rotations serves both.
    assert!(window_sums(&map, &tile(&[0, 1, 2, -1]), 4, 1).is_some());
}

#[test]
fn image_to_column_lays_one_block_for_every_tap() {
    let reader = Reader::Image(Image {
        input: [1, 3, 3],
        output: [2, 2],
        kernel: [2, 2],
        stride: 1,
        padding: 0,
    });
    let all = arrangements(&[1, 3, 3], reader, 32, 1);
    let (columns, period) = all.iter().find(|(c, _)| c.name == "image to column").unwrap();
    let found = cells(&columns.arrangement.layout(32));
    assert_eq!(*period, 32);
    // Four blocks of four output pixels: the pixel itself, its right neighbour, the one below, the one beside that. Twice.
    let blocks = [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]].concat();
    assert_eq!(found, [&blocks[..], &blocks].concat());
    assert_eq!(
        columns.anchors.as_ref().unwrap().at,
        [(0, 0), (0, 1), (0, 2), (0, 3)]
    );
}

#[test]
fn every_sample_starts_at_a_multiple_of_the_period() {
    let image = Reader::Image(Image {
        input: [2, 6, 5],
        output: [4, 3],
        kernel: [3, 3],
        stride: 1,
        padding: 0,
    });
    for (shape, reader) in [(vec![2, 6, 5], image), (vec![12], Reader::Dense { outputs: 5 })] {
        for (slots, batch) in [(64, 2), (1024, 2), (1024, 8), (4096, 3)] {
            let all = arrangements(&shape, reader, slots, batch);
            assert!(!all.is_empty());
            for (candidate, period) in all {
                let layout = candidate.arrangement.layout(slots as usize);
                let elements = shape.iter().product::<u32>();
                for (_, slot, cell) in layout.cells() {
                    if let Cell::Element(element) = cell {
                        assert_eq!(
                            element / elements,
                            slot as u32 / period,
                            "{}, {slots} slots",
                            candidate.name
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn merged_tiles_share_products() {
    let diagonal = |output, input, rotation| Diagonal {
        output,
        input,
        rotation,
    };
    // Three input tiles: 0 with 2 as its imaginary part, and 1 alone.
    let list = [
        diagonal(0, 0, 1),
        diagonal(0, 1, 1),
        diagonal(0, 2, 1),
        diagonal(0, 2, 5),
    ];
    assert_eq!(
        Merge::Inputs.products(&list, 3),
        [diagonal(0, 0, 1), diagonal(0, 0, 5), diagonal(0, 1, 1)]
    );
    assert_eq!(Merge::Inputs.product(list[2], 3), (diagonal(0, 0, 1), true));
    // As outputs nothing is shared here, and without a merge nothing ever.
    assert_eq!(Merge::Outputs.products(&list, 1), list);
    assert_eq!(Merge::None.products(&list, 0), list);
    assert_eq!(
        Merge::Outputs.product(diagonal(3, 0, 2), 4),
        (diagonal(1, 0, 2), true)
    );
}
