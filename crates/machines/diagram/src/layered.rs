//! One level of a diagram: items in ranks, arrows between them, few crossings.
//! The classic four steps: ranks, order within ranks, places, routes.

use std::collections::HashMap;

use crate::diagram::{EdgeKind, Point};
use crate::measure::Measure;
use crate::order::order;
use crate::place::place;
use crate::rank::{Ranks, ranks};
use crate::route::routes;

/// Width and height.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// From one item to another.
pub(crate) struct Arrow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: EdgeKind,
    /// Size of its text.
    pub(crate) label: Option<Size>,
}

/// Where an arrow runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) points: Vec<Point>,
    pub(crate) label_at: Point,
    pub(crate) back: bool,
}

/// A level, laid out. Places are those of upper left corners.
pub(crate) struct Level {
    pub(crate) at: Vec<Point>,
    pub(crate) routes: Vec<Route>,
    pub(crate) size: Size,
}

/// An item, a bend of an arrow, or an arrow's text.
pub(crate) struct Cell {
    pub(crate) rank: usize,
    pub(crate) size: Size,
    pub(crate) is_item: bool,
}

/// Two cells of neighbouring ranks that an arrow joins.
pub(crate) struct Segment {
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    /// How much it wants to be straight.
    pub(crate) weight: f64,
}

/// The cells an arrow passes, from the upper to the lower.
pub(crate) struct Chain {
    pub(crate) cells: Vec<usize>,
    pub(crate) label: Option<usize>,
    pub(crate) back: bool,
}

/// Items and arrows cut into pieces of one rank each.
pub(crate) struct Graph {
    /// The items first.
    pub(crate) cells: Vec<Cell>,
    /// Cells by rank, from left to right.
    pub(crate) ranks: Vec<Vec<usize>>,
    pub(crate) segments: Vec<Segment>,
    /// By arrow; empty for one that leads to its own item.
    pub(crate) chains: Vec<Chain>,
}

/// Room right of an item that an arrow to itself takes.
pub(crate) fn loop_width(measure: &Measure) -> f64 {
    measure.gap_x * 0.7
}

pub(crate) fn lay_out(sizes: &[Size], arrows: &[Arrow], first: usize, measure: &Measure) -> Level {
    let ranks = ranks(sizes.len(), arrows, first);
    let mut graph = cut(sizes, arrows, ranks, measure);
    order(&mut graph, first);
    let centres = place(&graph, measure);
    routes(&graph, arrows, &centres, sizes, measure)
}

fn cut(sizes: &[Size], arrows: &[Arrow], ranks: Ranks, measure: &Measure) -> Graph {
    // A line has a width where there are no halves.
    let bend = Size { width: if measure.whole { 1.0 } else { 0.0 }, height: 0.0 };
    let mut cells: Vec<Cell> =
        sizes.iter().zip(&ranks.of).map(|(size, rank)| Cell { rank: *rank, size: *size, is_item: true }).collect();
    for arrow in arrows.iter().filter(|arrow| arrow.from == arrow.to) {
        let label = arrow.label.map_or(0.0, |label| label.width);
        cells[arrow.from].size.width += 2.0 * (loop_width(measure) + label);
    }
    let mut segments: HashMap<(usize, usize), f64> = HashMap::new();
    let mut chains = Vec::with_capacity(arrows.len());
    // Catchers that lead to one state share their way to it.
    let mut shared: HashMap<(EdgeKind, usize, bool, usize), usize> = HashMap::new();
    for (index, arrow) in arrows.iter().enumerate() {
        let back = ranks.back[index];
        if arrow.from == arrow.to {
            chains.push(Chain { cells: Vec::new(), label: None, back });
            continue;
        }
        let (upper, lower) = if back { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        let (top, bottom) = (ranks.of[upper], ranks.of[lower]);
        let label_rank = arrow.label.map(|_| if back { bottom - 1 } else { top + 1 });
        let mut label = None;
        let mut passed = vec![upper];
        for rank in top + 1..bottom {
            let cell = if label_rank == Some(rank) {
                cells.push(Cell { rank, size: arrow.label.unwrap_or_default(), is_item: false });
                label = Some(cells.len() - 1);
                cells.len() - 1
            } else if matches!(arrow.kind, EdgeKind::Catch | EdgeKind::Ends) {
                *shared.entry((arrow.kind, arrow.to, back, rank)).or_insert_with(|| {
                    cells.push(Cell { rank, size: bend, is_item: false });
                    cells.len() - 1
                })
            } else {
                cells.push(Cell { rank, size: bend, is_item: false });
                cells.len() - 1
            };
            passed.push(cell);
        }
        passed.push(lower);
        let weight = match arrow.kind {
            EdgeKind::Next => 8.0,
            EdgeKind::Ends | EdgeKind::Choice | EdgeKind::Default => 2.0,
            EdgeKind::Catch => 0.2,
        };
        for pair in passed.windows(2) {
            let straight = if cells[pair[0]].is_item || cells[pair[1]].is_item { 1.0 } else { 4.0 };
            let pull = segments.entry((pair[0], pair[1])).or_default();
            *pull = f64::max(*pull, if back { 0.5 } else { weight } * straight);
        }
        chains.push(Chain { cells: passed, label, back });
    }
    let mut segments: Vec<Segment> =
        segments.into_iter().map(|((upper, lower), weight)| Segment { upper, lower, weight }).collect();
    segments.sort_unstable_by_key(|segment| (segment.upper, segment.lower));
    let count = cells.iter().map(|cell| cell.rank + 1).max().unwrap_or(0);
    Graph { cells, ranks: vec![Vec::new(); count], segments, chains }
}
