//! Ids and secrets out of a generator.

use rand::CryptoRng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

/// Small letters and digits from the generator: ids and secrets have this form.
pub(crate) fn random_text(rng: &mut dyn CryptoRng, length: usize) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let letters = (0..length).filter_map(|_| LETTERS.choose(rng));
    letters.map(|letter| char::from(*letter)).collect()
}

/// A random UUID from the generator.
pub(crate) fn random_uuid(rng: &mut dyn CryptoRng) -> Uuid {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
