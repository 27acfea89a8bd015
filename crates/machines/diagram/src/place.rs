//! How far to the right each cell is: arrows as straight as order and gaps allow.

use crate::layered::Graph;
use crate::measure::Measure;

/// Passes over all ranks.
const SWEEPS: usize = 40;
/// The last of them look both up and down.
const SWEEPS_BOTH: usize = 6;

/// The centre of each cell; the leftmost border is at 0.
pub(crate) fn place(graph: &Graph, measure: &Measure) -> Vec<f64> {
    let cells = &graph.cells;
    let mut up: Vec<Vec<(usize, f64)>> = vec![Vec::new(); cells.len()];
    let mut down = up.clone();
    for segment in &graph.segments {
        down[segment.upper].push((segment.lower, segment.weight));
        up[segment.lower].push((segment.upper, segment.weight));
    }
    let gap = |left: usize, right: usize| {
        let both_items = cells[left].is_item && cells[right].is_item;
        let between = if both_items { measure.gap_x } else { measure.edge_gap_x };
        (cells[left].size.width + cells[right].size.width) / 2.0 + between
    };
    let mut centre = vec![0.0; cells.len()];
    for row in &graph.ranks {
        let mut at = 0.0;
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                at += gap(row[index - 1], *cell);
            }
            centre[*cell] = at;
        }
        let middle = at / 2.0;
        for cell in row {
            centre[*cell] -= middle;
        }
    }
    let count = graph.ranks.len();
    for sweep in 0..SWEEPS {
        let both = sweep >= SWEEPS - SWEEPS_BOTH;
        let downwards = sweep % 2 == 0;
        for step in 0..count {
            let row = &graph.ranks[if downwards { step } else { count - 1 - step }];
            let wishes: Vec<(f64, f64)> = row
                .iter()
                .map(|cell| {
                    let (mut sum, mut weight) = (0.0, 0.0);
                    let above = up[*cell].iter().filter(|_| both || downwards);
                    let below = down[*cell].iter().filter(|_| both || !downwards);
                    for (neighbour, pull) in above.chain(below) {
                        sum += centre[*neighbour] * pull;
                        weight += pull;
                    }
                    if weight > 0.0 { (sum / weight, weight) } else { (centre[*cell], 0.05) }
                })
                .collect();
            let gaps: Vec<f64> = row.windows(2).map(|pair| gap(pair[0], pair[1])).collect();
            for (cell, at) in row.iter().zip(nearest(&wishes, &gaps)) {
                centre[*cell] = at;
            }
        }
    }
    straighten(graph, &up, &mut centre, &gap);
    let left = cells.iter().zip(&centre).map(|(cell, at)| at - cell.size.width / 2.0).fold(f64::INFINITY, f64::min);
    if left.is_finite() {
        centre.iter_mut().for_each(|at| *at -= left);
    }
    if measure.whole {
        for row in &graph.ranks {
            let mut least = f64::NEG_INFINITY;
            for (index, cell) in row.iter().enumerate() {
                // Every width is odd, so every centre is in the middle of a character.
                let at = ((centre[*cell] - 0.5).round() + 0.5).max(least);
                centre[*cell] = at;
                least = row.get(index + 1).map_or(at, |next| at + gap(*cell, *next));
            }
        }
    }
    centre
}

/// Puts each cell right below the one it mostly hangs on, where that one has room:
/// averages leave slopes that the eye sees.
fn straighten(graph: &Graph, up: &[Vec<(usize, f64)>], centre: &mut [f64], gap: &dyn Fn(usize, usize) -> f64) {
    const FIRM: f64 = 1_000.0;
    let mut down = vec![0.0; graph.cells.len()];
    for segment in &graph.segments {
        down[segment.upper] = f64::max(down[segment.upper], segment.weight);
    }
    for row in &graph.ranks {
        let wishes: Vec<(f64, f64)> = row
            .iter()
            .map(|cell| {
                let strongest = up[*cell].iter().max_by(|a, b| a.1.total_cmp(&b.1));
                let alone = |weight: f64| up[*cell].iter().filter(|(_, other)| *other == weight).count() == 1;
                match strongest {
                    // Each is the other's strongest.
                    Some((above, weight)) if down[*above] == *weight && alone(*weight) => {
                        (centre[*above], FIRM * weight)
                    }
                    _ => (centre[*cell], 1.0),
                }
            })
            .collect();
        let gaps: Vec<f64> = row.windows(2).map(|pair| gap(pair[0], pair[1])).collect();
        for (cell, at) in row.iter().zip(nearest(&wishes, &gaps)) {
            centre[*cell] = at;
        }
    }
}

/// The places nearest to the wishes `(place, weight)` that keep the gaps: the
/// least sum of weighted squares, by pooling neighbours that push each other.
fn nearest(wishes: &[(f64, f64)], gaps: &[f64]) -> Vec<f64> {
    struct Pool {
        sum: f64,
        weight: f64,
        cells: usize,
    }
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(wishes.len());
    let mut pools: Vec<Pool> = Vec::with_capacity(wishes.len());
    for (index, (wish, weight)) in wishes.iter().enumerate() {
        if index > 0 {
            offset += gaps[index - 1];
        }
        offsets.push(offset);
        pools.push(Pool { sum: (wish - offset) * weight, weight: *weight, cells: 1 });
        while let [.., left, right] = pools.as_mut_slice()
            && left.sum / left.weight > right.sum / right.weight
        {
            left.sum += right.sum;
            left.weight += right.weight;
            left.cells += right.cells;
            pools.pop();
        }
    }
    let shared = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.sum / pool.weight, pool.cells));
    shared.zip(offsets).map(|(at, offset)| at + offset).collect()
}
