//! The order of cells within their ranks: few crossings.

use crate::layered::Graph;

/// Passes over all ranks.
const SWEEPS: usize = 12;
/// Segments beyond which the first order is kept: counting would take too long.
const SEGMENTS_MAX: usize = 60_000;

/// Fills `graph.ranks`.
pub(crate) fn order(graph: &mut Graph, first: usize) {
    let cells = graph.cells.len();
    let (mut up, mut down): (Vec<Vec<usize>>, Vec<Vec<usize>>) = (vec![Vec::new(); cells], vec![Vec::new(); cells]);
    // In the order of the arrows, so that a Choice's rules stand from left to right.
    for chain in &graph.chains {
        for pair in chain.cells.windows(2) {
            if !down[pair[0]].contains(&pair[1]) {
                down[pair[0]].push(pair[1]);
                up[pair[1]].push(pair[0]);
            }
        }
    }
    let mut seen = vec![false; cells];
    for root in std::iter::once(first).chain(0..cells) {
        let mut stack = vec![root];
        while let Some(cell) = stack.pop() {
            if std::mem::replace(&mut seen[cell], true) {
                continue;
            }
            graph.ranks[graph.cells[cell].rank].push(cell);
            stack.extend(down[cell].iter().rev());
        }
    }
    if graph.segments.len() > SEGMENTS_MAX {
        return;
    }
    let mut best = graph.ranks.clone();
    let mut fewest = crossings(&graph.ranks, &down, cells);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let downwards = sweep % 2 == 0;
        let count = graph.ranks.len();
        let mut position = positions(&graph.ranks, cells);
        for step in 1..count {
            let rank = if downwards { step } else { count - 1 - step };
            let neighbours = if downwards { &up } else { &down };
            let row = &mut graph.ranks[rank];
            let mut keyed: Vec<(f64, usize)> = row
                .iter()
                .map(|cell| (middle(&neighbours[*cell], &position).unwrap_or(position[*cell] as f64), *cell))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (at, (_, cell)) in keyed.iter().enumerate() {
                position[*cell] = at;
                row[at] = *cell;
            }
        }
        let count = crossings(&graph.ranks, &down, cells);
        if count < fewest {
            fewest = count;
            best.clone_from(&graph.ranks);
        }
    }
    graph.ranks = best;
}

fn positions(ranks: &[Vec<usize>], cells: usize) -> Vec<usize> {
    let mut position = vec![0; cells];
    for row in ranks {
        for (at, cell) in row.iter().enumerate() {
            position[*cell] = at;
        }
    }
    position
}

fn middle(neighbours: &[usize], position: &[usize]) -> Option<f64> {
    let sum: usize = neighbours.iter().map(|cell| position[*cell]).sum();
    (!neighbours.is_empty()).then(|| sum as f64 / neighbours.len() as f64)
}

/// Pairs of segments that cross, over all ranks.
fn crossings(ranks: &[Vec<usize>], down: &[Vec<usize>], cells: usize) -> usize {
    let position = positions(ranks, cells);
    ranks.iter().map(|row| inversions(row, down, &position)).sum()
}

/// Lower ends in the order of their upper ends: each inversion is a crossing.
fn inversions(row: &[usize], down: &[Vec<usize>], position: &[usize]) -> usize {
    let mut ends: Vec<usize> = Vec::new();
    for cell in row {
        let from = ends.len();
        ends.extend(down[*cell].iter().map(|lower| position[*lower]));
        ends[from..].sort_unstable();
    }
    let Some(last) = ends.iter().max() else { return 0 };
    let mut tree = vec![0usize; last + 2];
    let mut count = 0;
    for (seen, end) in ends.iter().enumerate() {
        let mut not_beyond = 0;
        let mut node = end + 1;
        while node > 0 {
            not_beyond += tree[node];
            node &= node - 1;
        }
        count += seen - not_beyond;
        let mut node = end + 1;
        while node < tree.len() {
            tree[node] += 1;
            node += node & node.wrapping_neg();
        }
    }
    count
}
