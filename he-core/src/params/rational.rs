//! Choice of the sets of primes by which levels have their sizes.
//!
//! Notation: T_l bits of level l's modulus; *terminal* primes, of which a level has some; *own* primes, which a level and all above it
//! have. Own primes are as long as what is to be made up: T_l less the terminals of l, less the own primes below.
//!
//! Every level may have any of the terminals. Which, is a shortest path over the levels: the fewest primes, summed over all levels, and
//! where that is equal the fewest that come back, since only levels of which none does are read at one another's primes. All terminals
//! stand at the top: keys are made on every prime there is, and what the top lacks would be modulus without use.

use std::collections::BTreeMap;

use super::spec::primes_for;

/// The primes of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LevelLayout {
    /// Which terminals it has, by bits.
    pub(super) terminals: u32,
    /// Primes that it is the lowest to have.
    pub(super) own: usize,
}

/// Terminals and number of own primes up to a level.
type State = (u32, usize);

/// Cost of the cheapest way to a state, and the state below.
type Way = (usize, State);

/// Cost of a prime at a level, to that of one that comes back.
const PRIME_COST: usize = 2;
/// Primes this much longer than log2(2N) are many enough to choose from.
const CHOICE_BITS: u32 = 6;

/// Sets for a base and levels of these sizes, level 0 first, and terminals of those. None where no sets make up the sizes.
pub(super) fn layout(log_n: u32, sizes: &[u32], terminals: &[u32]) -> Option<Vec<LevelLayout>> {
    let all = (1u32 << terminals.len()) - 1;
    let bits = |mask: u32| -> i64 {
        let chosen = terminals.iter().enumerate().filter(|&(i, _)| mask >> i & 1 == 1);
        chosen.map(|(_, &bits)| i64::from(bits)).sum()
    };
    let least = i64::from(log_n + 1 + CHOICE_BITS);
    let mut size = i64::from(*sizes.first()?);
    let start = (0, primes_for(sizes[0]));
    let mut levels: Vec<BTreeMap<State, Way>> = vec![BTreeMap::from([(start, (0, start))])];
    for &level in &sizes[1..] {
        let below = size;
        size += i64::from(level);
        let mut reached: BTreeMap<State, Way> = BTreeMap::new();
        for (&(from, count), &(cost, _)) in levels.last()? {
            for to in 0..=all {
                let missing = (size - bits(to)) - (below - bits(from));
                let own = match u32::try_from(missing) {
                    Ok(0) => 0,
                    Ok(missing) => primes_for(missing),
                    Err(_) => continue,
                };
                if own > 0 && missing / (own as i64) < least {
                    continue;
                }
                let limbs = count + own + to.count_ones() as usize;
                let back = (from & !to).count_ones() as usize;
                let way = (cost + PRIME_COST * limbs + back, (from, count));
                let best = reached.entry((to, count + own)).or_insert(way);
                *best = way.min(*best);
            }
        }
        levels.push(reached);
    }
    let ends = levels
        .last()?
        .iter()
        .filter(|((terminals, _), _)| *terminals == all);
    let (&end, _) = ends.min_by_key(|(_, (cost, _))| *cost)?;
    let mut state = end;
    let mut chosen = vec![];
    for level in levels.iter().rev() {
        let (_, below) = *level.get(&state)?;
        chosen.push(LevelLayout {
            terminals: state.0,
            own: state.1 - below.1,
        });
        state = below;
    }
    chosen.reverse();
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limbs of every level.
    fn limbs(layout: &[LevelLayout], base: usize) -> Vec<usize> {
        let mut own = base;
        let level = |level: &LevelLayout| {
            own += level.own;
            own + level.terminals.count_ones() as usize
        };
        layout.iter().map(level).collect()
    }

    #[test]
    fn levels_of_forty_bits_take_four_fifths_of_the_primes() {
        let sizes = [&[50][..], &[40; 19]].concat();
        let layout = layout(16, &sizes, &[40, 30, 30]).unwrap();
        assert_eq!(layout[0], LevelLayout { terminals: 0, own: 0 });
        let limbs = limbs(&layout, 1);
        for (level, &limbs) in limbs.iter().enumerate() {
            let bits = 50 + 40 * level;
            assert!(limbs <= bits.div_ceil(50) + 2, "level {level}: {limbs}");
        }
        assert!(limbs.iter().sum::<usize>() <= (0..20).map(|level| 1 + level).sum::<usize>() * 9 / 10);
    }

    #[test]
    fn sizes_that_no_terminal_makes_up_have_no_sets() {
        // A terminal that is longer than the whole chain can never stand at its top.
        assert_eq!(layout(16, &[30, 30], &[50]), None);
    }
}
