//! RSA keys that can be factored (ROCA, CVE-2017-15361): chips made them for years, and some are still around.
//!
//! Their primes are 65537^a modulo the product of the first primes, so that the key, modulo each of those primes, is a
//! power of 65537 too. For a sound key that is so by chance once in 2^27 (Nemec et al., The Return of Coppersmith's
//! Attack, 2017).

/// The primes that are in the product for the shortest of such keys.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a modulus, its greatest byte first, is one of them.
pub(crate) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            let is_it = power == rest;
            power = power * (65_537 % prime) % prime;
            is_it
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_told_from_others() {
        assert!(is_weak(&[1]) && is_weak(&[1, 0, 1]));
        assert!(!is_weak(&[2]) && !is_weak(&[3]) && !is_weak(&[0xff; 256]));
    }
}
