//! Primes `q = 1 mod 2N`, and a primality test that runs in constants.
//!
//! The test is Miller and Rabin's with the first twelve primes as bases, which is exact below 3.3e24 (J. Sorenson and J. Webster,
//! "Strong pseudoprimes to twelve prime bases", 2017), so for every `u64`.

const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

/// Whether `n` is prime.
pub const fn is_prime(n: u64) -> bool {
    let mut i = 0;
    while i < BASES.len() {
        if n.is_multiple_of(BASES[i]) {
            return n == BASES[i];
        }
        i += 1;
    }
    if n < 2 {
        return false;
    }
    let twos = (n - 1).trailing_zeros();
    let odd = (n - 1) >> twos;
    let mut i = 0;
    while i < BASES.len() {
        if !passes(n, BASES[i], odd, twos) {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `base` fails to witness that `n = odd 2^twos + 1` is composite.
const fn passes(n: u64, base: u64, odd: u64, twos: u32) -> bool {
    let mut x = pow_mod(base, odd, n);
    if x == 1 {
        return true;
    }
    let mut i = 0;
    while i < twos {
        if x == n - 1 {
            return true;
        }
        x = mul_mod(x, x, n);
        i += 1;
    }
    false
}

const fn mul_mod(a: u64, b: u64, n: u64) -> u64 {
    (a as u128 * b as u128 % n as u128) as u64
}

const fn pow_mod(mut base: u64, mut exponent: u64, n: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, base, n);
        }
        base = mul_mod(base, base, n);
        exponent >>= 1;
    }
    result
}

/// The primes `q = 1 mod two_n` with exactly `bits` bits, largest first.
///
/// # Panics
/// If `two_n` is not a power of two or `bits` is not in `2..=50`.
pub fn ntt_primes(bits: u32, two_n: u64) -> impl Iterator<Item = u64> {
    assert!((2..=50).contains(&bits), "primes have 2 to 50 bits, not {bits}");
    let floor = 1u64 << (bits - 1);
    ntt_primes_below(1 << bits, two_n).take_while(move |&q| q > floor)
}

/// The primes `q = 1 mod two_n` with `q < limit`, largest first.
///
/// # Panics
/// If `two_n` is not a power of two.
pub fn ntt_primes_below(limit: u64, two_n: u64) -> impl Iterator<Item = u64> {
    assert!(two_n.is_power_of_two(), "2N must be a power of two, not {two_n}");
    let first = if limit < 2 { 0 } else { (limit - 2) / two_n };
    (1..=first)
        .rev()
        .map(move |k| k * two_n + 1)
        .filter(|&q| is_prime(q))
}

/// The primes `q = 1 mod two_n` with `floor <= q < 2^50`, smallest first.
///
/// # Panics
/// If `two_n` is not a power of two.
pub fn ntt_primes_above(floor: u64, two_n: u64) -> impl Iterator<Item = u64> {
    assert!(two_n.is_power_of_two(), "2N must be a power of two, not {two_n}");
    let first = floor.saturating_sub(1).div_ceil(two_n).max(1);
    (first..)
        .map(move |k| k * two_n + 1)
        .take_while(|&q| q < super::modulus::MODULUS_LIMIT)
        .filter(|&q| is_prime(q))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_A_CONSTANT: bool = is_prime(1111361812955137);

    #[test]
    #[cfg_attr(miri, ignore = "two hundred thousand divisions")]
    fn agrees_with_trial_division() {
        for n in 0..20_000u64 {
            let expected = n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0);
            assert_eq!(is_prime(n), expected, "{n}");
        }
    }

    #[test]
    fn known_large_cases() {
        const { assert!(IN_A_CONSTANT) };
        assert!(is_prime((1 << 61) - 1) && is_prime(u64::MAX - 58));
        // Products of two primes, a Carmichael number, and the least strong pseudoprime to the bases 2 to 23.
        for composite in [
            (1 << 50) - 3,
            1000003 * 1000033,
            561,
            3825123056546413051,
            u64::MAX,
        ] {
            assert!(!is_prime(composite), "{composite}");
        }
    }

    #[test]
    fn iterators_are_complete_and_ordered() {
        let by_hand = |low: u64, high: u64| {
            (low..high)
                .filter(|q| q % 64 == 1 && is_prime(*q))
                .collect::<Vec<_>>()
        };
        let mut down = ntt_primes_below(40_000, 64).collect::<Vec<_>>();
        down.reverse();
        assert_eq!(down, by_hand(0, 40_000));
        assert_eq!(
            ntt_primes_above(20_000, 64)
                .take_while(|&q| q < 40_000)
                .collect::<Vec<_>>(),
            by_hand(20_000, 40_000)
        );
        assert_eq!(ntt_primes_above(193, 64).next(), Some(193));
        let mut sixteen = ntt_primes(16, 64).collect::<Vec<_>>();
        sixteen.reverse();
        assert_eq!(sixteen, by_hand(1 << 15, 1 << 16));
        assert_eq!(ntt_primes(50, 1 << 18).next(), Some(1125899902124033));
    }
}
