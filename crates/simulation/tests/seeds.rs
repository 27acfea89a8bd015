//! A fixed set of seeds and a few hundred more, each run twice.

use windlass_simulation::simulate;

/// Seeds that once found something.
const KEPT: &[u64] = &[];
/// The seeds of every run.
const SEEDS: std::ops::Range<u64> = 0..300;

fn check(seeds: impl Iterator<Item = u64>) {
    let (mut groups, mut faults, mut redrives, mut comparisons) = (0, 0, 0, 0);
    for seed in seeds {
        let first = simulate(seed).unwrap_or_else(|error| panic!("{error}"));
        let second = simulate(seed).unwrap_or_else(|error| panic!("{error}"));
        assert!(first == second, "seed {seed}: two runs differ\n{first:?}\n{second:?}");
        groups += first.groups;
        faults += first.faults;
        redrives += first.redrives;
        comparisons += first.comparisons;
    }
    // A world in which nothing happens finds nothing.
    assert!(groups > 0 && comparisons > 0 && (faults > 0 || groups < 100), "{groups} groups, {faults} faults");
    assert!(redrives > 0 || groups < 100, "nothing was redriven");
}

/// One seed, for whoever looks into what another run found: `SEED=7 cargo …`.
#[test]
fn the_seed_that_was_asked_for() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        check([seed].into_iter());
    }
}

#[test]
fn kept_seeds() {
    KEPT.iter().for_each(|seed| check([*seed].into_iter()));
}

// Four tests, so that four cores can share the work.
macro_rules! quarter {
    ($name:ident, $rest:literal) => {
        #[test]
        fn $name() {
            check(SEEDS.filter(|seed| seed % 4 == $rest));
        }
    };
}
quarter!(first_quarter_of_the_seeds, 0);
quarter!(second_quarter_of_the_seeds, 1);
quarter!(third_quarter_of_the_seeds, 2);
quarter!(fourth_quarter_of_the_seeds, 3);
