//! Chance, made so that any slot of the stream can be reached at once.
//!
//! ChaCha is a cipher of blocks: block *n* is computed from the key and *n* alone, 16 words of 32 bits. A slot owns
//! the block of its own number, under a key that is the seed. So the chance of slot *n* needs nothing of the slots
//! before it, and is the same on every machine and in every version: the algorithm is published (Bernstein 2008).
//! Extra lines of a slot take the same block of another of the cipher's streams.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Words in a block of the cipher.
const BLOCK: u128 = 16;

/// All the chance of one line: a random word for each thing that is left to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// Which service speaks.
    pub(crate) service: u32,
    /// Whether the fraction of a traffic factor makes one line more.
    pub(crate) copies: u32,
    /// The level by the classic mix.
    pub(crate) level: u32,
    /// Whether an incident changes that level.
    pub(crate) fate: u32,
    /// Which failure it becomes if so.
    pub(crate) failure: u32,
    /// Whether the line is marked as an anomaly.
    pub(crate) anomaly: u32,
    /// The place in the level's range of response times.
    pub(crate) response_time: u32,
    /// The endpoint asked for.
    pub(crate) endpoint: u32,
    /// Which of the messages that fit.
    pub(crate) message: u32,
    /// The figures in the message, in turn.
    pub(crate) figures: [u32; 3],
    /// Who asked.
    pub(crate) user: u32,
    /// From where.
    pub(crate) address: u32,
    /// The request's name.
    pub(crate) request: [u32; 2],
}

impl Draw {
    /// A draw of so many random words, one after the other.
    pub(crate) fn new(mut word: impl FnMut() -> u32) -> Self {
        Self {
            service: word(),
            copies: word(),
            level: word(),
            fate: word(),
            failure: word(),
            anomaly: word(),
            response_time: word(),
            endpoint: word(),
            message: word(),
            figures: [word(), word(), word()],
            user: word(),
            address: word(),
            request: [word(), word()],
        }
    }
}

/// The stream of draws of one seed.
#[derive(Debug)]
pub(crate) struct Draws {
    /// The cipher, standing at the beginning of a block.
    cipher: ChaCha8Rng,
    /// Slot and copy whose block comes next if nobody seeks.
    next: (u64, u32),
}

impl Draws {
    /// The draws of a seed, from slot 0 on.
    pub(crate) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self { cipher: ChaCha8Rng::from_seed(key), next: (0, 0) }
    }

    /// The draw of a slot's line number `copy`; its first line is number 0. Fastest in the order of the slots.
    pub(crate) fn of(&mut self, slot: u64, copy: u32) -> Draw {
        if self.next != (slot, copy) {
            self.cipher.set_stream(copy.into());
            self.cipher.set_word_pos(u128::from(slot) * BLOCK);
        }
        self.next = (slot + 1, copy);
        Draw::new(|| self.cipher.next_u32())
    }
}

/// A number from 0 to `limit` − 1. Numbers differ in probability by at most one in 2³² (Lemire 2019, without the
/// rejection).
pub(crate) fn below(word: u32, limit: u32) -> u32 {
    ((u64::from(word) * u64::from(limit)) >> 32) as u32
}

/// A number from `least` to `greatest`, both possible.
pub(crate) fn between(word: u32, least: u32, greatest: u32) -> u32 {
    least + below(word, greatest - least + 1)
}

/// A number from 0 up to, but never, 1.
pub(crate) fn share(word: u32) -> f64 {
    f64::from(word) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(draw: Draw) -> (u32, u32, [u32; 2]) {
        (draw.service, draw.message, draw.request)
    }

    #[test]
    fn seeking_gives_what_reading_on_gives() {
        let mut onward = Draws::new(7);
        let read: Vec<_> = (0..100).map(|slot| words(onward.of(slot, 0))).collect();
        let mut seeking = Draws::new(7);
        for slot in [99, 3, 4, 50, 0, 1] {
            let extra = words(seeking.of(slot, 1));
            assert_ne!(extra, read[slot as usize]);
            assert_eq!(words(seeking.of(slot, 0)), read[slot as usize]);
        }
    }

    #[test]
    fn numbers_reach_both_ends() {
        assert_eq!((between(0, 10, 200), between(u32::MAX, 10, 200)), (10, 200));
        assert!(share(0) == 0.0 && share(u32::MAX) < 1.0);
    }
}
