//! Where arrows run: straight down beside the items of a rank, across between ranks.

use crate::diagram::{EdgeKind, Point};
use crate::layered::{Arrow, Graph, Level, Route, Size, loop_width};
use crate::measure::Measure;

pub(crate) fn routes(graph: &Graph, arrows: &[Arrow], centres: &[f64], sizes: &[Size], measure: &Measure) -> Level {
    let heights: Vec<f64> = graph
        .ranks
        .iter()
        .map(|row| row.iter().map(|cell| graph.cells[*cell].size.height).fold(0.0, f64::max))
        .collect();
    let mut tops = Vec::with_capacity(heights.len());
    let mut top = 0.0;
    for (rank, height) in heights.iter().enumerate() {
        tops.push(top);
        top += height + gap(graph, rank, centres, measure);
    }
    let height = tops.last().zip(heights.last()).map_or(0.0, |(top, height)| top + height);
    let width = graph.cells.iter().zip(centres).map(|(cell, at)| at + cell.size.width / 2.0).fold(0.0, f64::max);

    let at: Vec<Point> = sizes
        .iter()
        .enumerate()
        .map(|(item, size)| Point { x: centres[item] - size.width / 2.0, y: tops[graph.cells[item].rank] })
        .collect();
    let ports = Ports::new(graph, arrows, centres, sizes, measure);
    let routes = graph
        .chains
        .iter()
        .zip(arrows)
        .enumerate()
        .map(|(index, (chain, arrow))| {
            if chain.cells.is_empty() {
                return circle(at[arrow.from], sizes[arrow.from], arrow, measure);
            }
            let last = chain.cells.len() - 1;
            let mut points = Vec::with_capacity(2 * chain.cells.len());
            for (step, cell) in chain.cells.iter().enumerate() {
                let rank = graph.cells[*cell].rank;
                let (top, bottom) = (tops[rank], tops[rank] + heights[rank]);
                let (from, to) = match step {
                    0 => (top + sizes[*cell].height, bottom),
                    step if step == last => (top, top),
                    _ => (top, bottom),
                };
                let x = match step {
                    0 => ports.below[index],
                    step if step == last => ports.above[index],
                    _ => centres[*cell],
                };
                points.extend([Point { x, y: from }, Point { x, y: to }]);
            }
            if chain.back {
                points.reverse();
            }
            let label_at = chain.label.map_or(Point::default(), |cell| Point {
                x: centres[cell],
                y: tops[graph.cells[cell].rank] + graph.cells[cell].size.height / 2.0,
            });
            Route { points, label_at, back: chain.back }
        })
        .collect();
    Level { at, routes, size: Size { width, height } }
}

/// Between a rank and the next: more where arrows lead far across.
fn gap(graph: &Graph, rank: usize, centres: &[f64], measure: &Measure) -> f64 {
    if measure.whole {
        return measure.gap_y;
    }
    let across = graph
        .segments
        .iter()
        .filter(|segment| graph.cells[segment.upper].rank == rank)
        .map(|segment| (centres[segment.upper] - centres[segment.lower]).abs())
        .fold(0.0, f64::max);
    // Labels are items of a rank of their own: half a gap on each side is enough.
    let labels =
        |rank: usize| graph.ranks.get(rank).is_some_and(|row| row.iter().all(|cell| !graph.cells[*cell].is_item));
    let least = if labels(rank) || labels(rank + 1) { measure.gap_y * 0.6 } else { measure.gap_y };
    least.max((across / 7.0).min(measure.gap_y * 2.2))
}

/// Where arrows leave their items and come to them.
struct Ports {
    /// By arrow: at the lower side of its upper item.
    below: Vec<f64>,
    /// By arrow: at the upper side of its lower item.
    above: Vec<f64>,
}

impl Ports {
    fn new(graph: &Graph, arrows: &[Arrow], centres: &[f64], sizes: &[Size], measure: &Measure) -> Ports {
        let mut leaving: Vec<Vec<Leaving>> = vec![Vec::new(); sizes.len()];
        let mut above = vec![0.0; graph.chains.len()];
        for (index, (chain, arrow)) in graph.chains.iter().zip(arrows).enumerate() {
            let [upper, next, ..] = chain.cells.as_slice() else { continue };
            if !leaving[*upper].iter().any(|known| known.next == *next) {
                let main = arrow.kind != EdgeKind::Catch && !chain.back;
                leaving[*upper].push(Leaving { next: *next, main, aside: 0.0 });
            }
            let [.., previous, lower] = chain.cells.as_slice() else { continue };
            let centre = centres[*lower];
            // What leads up leaves beside what leads down.
            let aside = match (chain.back, centres[*previous] < centre) {
                (false, _) => 0.0,
                (true, true) => -0.3 * sizes[*lower].width,
                (true, false) => 0.3 * sizes[*lower].width,
            };
            above[index] = rounded(centre + aside, measure);
        }
        for (item, row) in leaving.iter_mut().enumerate() {
            spread(row, centres, centres[item], sizes[item].width, measure);
        }
        let mut below = vec![0.0; graph.chains.len()];
        for (index, chain) in graph.chains.iter().enumerate() {
            let [upper, next, ..] = chain.cells.as_slice() else { continue };
            let aside = leaving[*upper].iter().find(|known| known.next == *next).map_or(0.0, |known| known.aside);
            below[index] = rounded(centres[*upper] + aside, measure);
        }
        Ports { below, above }
    }
}

/// An arrow that leaves an item at its lower side.
#[derive(Clone)]
struct Leaving {
    next: usize,
    /// The way on, not one for failures or back.
    main: bool,
    /// From the item's centre.
    aside: f64,
}

/// Spreads what leaves an item over its lower side, from left to right as it
/// goes on. The only way on leaves from the middle.
fn spread(row: &mut [Leaving], centres: &[f64], centre: f64, width: f64, measure: &Measure) {
    row.sort_by(|a, b| centres[a.next].total_cmp(&centres[b.next]));
    let count = row.len();
    let mut mains = row.iter().enumerate().filter(|(_, leaving)| leaving.main);
    let only = match (mains.next(), mains.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    };
    match only {
        // What would cross the middle has to leave on its own side of it.
        Some(main) => {
            let left = row
                .iter()
                .enumerate()
                .filter(|(index, leaving)| *index != main && centres[leaving.next] < centre)
                .count();
            let most = left.max(count - 1 - left).max(1) as f64;
            let step = (width * 0.35 / most).min(measure.gap_x);
            let (mut at_left, mut at_right) = (left as f64, 0.0);
            for (index, leaving) in row.iter_mut().enumerate() {
                if index == main {
                    leaving.aside = 0.0;
                } else if centres[leaving.next] < centre {
                    leaving.aside = -at_left * step;
                    at_left -= 1.0;
                } else {
                    at_right += 1.0;
                    leaving.aside = at_right * step;
                }
            }
        }
        None => {
            let step = (width * 0.7 / count as f64).min(measure.gap_x);
            for (index, leaving) in row.iter_mut().enumerate() {
                leaving.aside = (index as f64 - (count as f64 - 1.0) / 2.0) * step;
            }
        }
    }
}

fn rounded(at: f64, measure: &Measure) -> f64 {
    if measure.whole { at.floor() + 0.5 } else { at }
}

/// An arrow from an item to itself, on its right.
fn circle(at: Point, size: Size, arrow: &Arrow, measure: &Measure) -> Route {
    let reach = loop_width(measure);
    let (left, right) = (at.x + size.width * 0.75, at.x + size.width + reach * 0.6);
    let (left, right) = (rounded(left, measure), rounded(right, measure));
    let out = measure.gap_y * 0.25;
    let (top, bottom) = (at.y, at.y + size.height);
    let points = vec![
        Point { x: left, y: bottom },
        Point { x: left, y: bottom + out },
        Point { x: right, y: bottom + out },
        Point { x: right, y: top - out },
        Point { x: left, y: top - out },
        Point { x: left, y: top },
    ];
    let label = arrow.label.map_or(0.0, |label| label.width);
    let label_at = Point { x: right + measure.edge_gap_x * 0.3 + label / 2.0, y: (top + bottom) / 2.0 };
    Route { points, label_at, back: true }
}
