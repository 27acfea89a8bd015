//! A fixed set of seeds and a few hundred more, each run twice.

use windlass_simulation::simulate;

/// Seeds that once found something.
const KEPT: &[u64] = &[];
/// The seeds of every run.
const SEEDS: std::ops::Range<u64> = 0..300;

fn check(seeds: impl Iterator<Item = u64>) {
    let (mut groups, mut faults, mut comparisons) = (0, 0, 0);
    for seed in seeds {
        let first = simulate(seed).unwrap_or_else(|error| panic!("{error}"));
        let second = simulate(seed).unwrap_or_else(|error| panic!("{error}"));
        assert!(first == second, "seed {seed}: two runs differ\n{first:?}\n{second:?}");
        groups += first.groups;
        faults += first.faults;
        comparisons += first.comparisons;
    }
    // A world in which nothing happens finds nothing.
    assert!(groups > 0 && comparisons > 0 && (faults > 0 || groups < 100), "{groups} groups, {faults} faults");
}

#[test]
fn seeds_hold_every_predicate() {
    let from = std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    match from {
        Some(seed) => check([seed].into_iter()),
        None => check(KEPT.iter().copied().chain(SEEDS)),
    }
}
