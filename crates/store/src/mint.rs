//! The parts of a fresh identifier: the clock and the random bytes that the kernel, which
//! has neither, makes an id of.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;

/// The last millisecond handed out, so that ids of one process never sort backwards.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Unix milliseconds and ten random bytes for the `from_parts` of an id. The milliseconds
/// never go back within the process.
#[must_use]
pub fn id_parts() -> (u64, [u8; 10]) {
    let now = clock::process_now().millis();
    let millis = LAST.fetch_max(now, Ordering::Relaxed).max(now);
    let mut random = [0; 10];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        // The system's generator failed: an id that may collide must not be handed out.
        std::process::abort();
    }
    (millis, random)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn fifty_threads_mint_no_part_twice() {
        let minted: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..50)
                .map(|_| scope.spawn(|| (0..200).map(|_| id_parts()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        let distinct: HashSet<_> = minted.iter().collect();
        assert_eq!(distinct.len(), minted.len());
    }
}
