//! Which rank each item has: arrows lead down, but those that would close a circle.

use crate::layered::Arrow;

/// Ranks from 0 at the top, and which arrows lead up.
pub(crate) struct Ranks {
    pub(crate) of: Vec<usize>,
    pub(crate) back: Vec<bool>,
}

/// Ranks of `items` items; `first` is at the top.
pub(crate) fn ranks(items: usize, arrows: &[Arrow], first: usize) -> Ranks {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); items];
    for (index, arrow) in arrows.iter().enumerate() {
        if arrow.from != arrow.to {
            leaving[arrow.from].push(index);
        }
    }
    let (back, order) = circles(items, arrows, &leaving, first);

    // Longest way from the top: `order` has every item after those above it.
    let mut of = vec![0; items];
    let mut below: Vec<Vec<(usize, usize)>> = vec![Vec::new(); items];
    for (index, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| arrow.from != arrow.to) {
        let (upper, lower) = if back[index] { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        // A label has a rank of its own between the two.
        below[upper].push((lower, if arrow.label.is_some() { 2 } else { 1 }));
    }
    for upper in &order {
        for (lower, ranks) in &below[*upper] {
            of[*lower] = of[*lower].max(of[*upper] + ranks);
        }
    }
    // Nobody leads to it but the way it came in: it may come nearer to what it leads to.
    let mut above = vec![0usize; items];
    for (lower, _) in below.iter().flatten() {
        above[*lower] += 1;
    }
    for item in order.iter().rev() {
        if *item != first && above[*item] == 0 && !below[*item].is_empty() {
            of[*item] = below[*item].iter().map(|(lower, ranks)| of[*lower].saturating_sub(*ranks)).min().unwrap_or(0);
        }
    }
    Ranks { of, back }
}

/// Finds the arrows that close circles, and an order in which all others lead on.
fn circles(items: usize, arrows: &[Arrow], leaving: &[Vec<usize>], first: usize) -> (Vec<bool>, Vec<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; items];
    let mut back = vec![false; arrows.len()];
    let mut finished = Vec::with_capacity(items);
    let roots = std::iter::once(first).chain(0..items);
    for root in roots {
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::Open;
        let mut stack = vec![(root, 0)];
        while let Some((item, next)) = stack.last_mut() {
            let Some(arrow) = leaving[*item].get(*next) else {
                seen[*item] = Seen::Done;
                finished.push(*item);
                stack.pop();
                continue;
            };
            *next += 1;
            let target = arrows[*arrow].to;
            match seen[target] {
                Seen::Open => back[*arrow] = true,
                Seen::Done => {}
                Seen::No => {
                    seen[target] = Seen::Open;
                    stack.push((target, 0));
                }
            }
        }
    }
    finished.reverse();
    (back, finished)
}
