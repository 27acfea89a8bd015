//! Levels within levels: a container is as large as what is in it.

use crate::definition::{Machine, State};
use crate::diagram::{Diagram, Edge, EdgeKind, Point, Shape, ShapeKind};
use crate::layered::{self, Arrow, Size};
use crate::measure::{Measure, broken};

/// A part of the picture; places count from its own corner, parents are indexes into its own shapes.
struct Block {
    size: Size,
    shapes: Vec<Shape>,
    edges: Vec<Edge>,
}

impl Block {
    /// Puts another block into this one.
    fn take(&mut self, block: Block, at: Point, parent: Option<usize>) {
        let first = self.shapes.len();
        self.shapes.extend(block.shapes.into_iter().map(|mut shape| {
            shape.at = moved(shape.at, at);
            shape.parent = shape.parent.map(|parent| parent + first).or(parent);
            shape
        }));
        self.edges.extend(block.edges.into_iter().map(|mut edge| {
            edge.from += first;
            edge.to += first;
            edge.label_at = moved(edge.label_at, at);
            edge.points.iter_mut().for_each(|point| *point = moved(*point, at));
            edge
        }));
    }
}

fn moved(point: Point, by: Point) -> Point {
    Point { x: point.x + by.x, y: point.y + by.y }
}

pub(crate) fn lay_out(machine: &Machine, measure: &Measure) -> Diagram {
    let inner = lay_out_machine(machine, true, measure);
    let mut whole = Block { size: Size::default(), shapes: Vec::new(), edges: Vec::new() };
    let border = measure.frame;
    let size = inner.size;
    whole.take(inner, Point { x: border, y: border }, None);
    // Arrows to themselves reach beyond their level.
    let points = || whole.edges.iter().flat_map(|edge| edge.points.iter());
    let right = points().map(|point| point.x + border).chain(whole.shapes.iter().map(|shape| shape.right() + border));
    let bottom = points().map(|point| point.y + border).chain(whole.shapes.iter().map(|shape| shape.bottom() + border));
    let width = right.fold(size.width + 2.0 * border, f64::max);
    let height = bottom.fold(size.height + 2.0 * border, f64::max);
    Diagram { width, height, shapes: whole.shapes, edges: whole.edges }
}

fn lay_out_machine(machine: &Machine, top: bool, measure: &Measure) -> Block {
    let states = machine.states.len();
    let mut blocks: Vec<Block> = machine.states.iter().map(|state| lay_out_state(state, measure)).collect();
    let mut arrows = Vec::new();
    let mut labels: Vec<(usize, Vec<String>)> = Vec::new();
    for (from, state) in machine.states.iter().enumerate() {
        for link in &state.links {
            let lines = broken(&link.label, measure.label_chars_max, measure.label_lines_max);
            let label = (!lines.is_empty()).then(|| label_size(&lines, measure));
            arrows.push(Arrow { from, to: link.to, kind: link.kind, label });
            labels.push((link.index, lines));
        }
    }
    let mut first = machine.start.unwrap_or(0);
    if top {
        let mut dot = |kind: ShapeKind| {
            let mut shape = blank(kind);
            (shape.width, shape.height) = (measure.dot, measure.dot);
            let size = Size { width: measure.dot, height: measure.dot };
            blocks.push(Block { size, shapes: vec![shape], edges: Vec::new() });
            blocks.len() - 1
        };
        if let Some(start) = machine.start {
            let from = dot(ShapeKind::Start);
            arrows.push(Arrow { from, to: start, kind: EdgeKind::Ends, label: None });
            first = from;
        }
        if machine.states.iter().any(|state| state.ends) {
            let to = dot(ShapeKind::End);
            let ends = (0..states).filter(|index| machine.states[*index].ends);
            arrows.extend(ends.map(|from| Arrow { from, to, kind: EdgeKind::Ends, label: None }));
        }
    }
    if blocks.is_empty() {
        return Block { size: Size::default(), shapes: Vec::new(), edges: Vec::new() };
    }
    labels.resize_with(arrows.len(), Default::default);
    let sizes: Vec<Size> = blocks.iter().map(|block| block.size).collect();
    let level = layered::lay_out(&sizes, &arrows, first, measure);

    let mut whole = Block { size: level.size, shapes: Vec::new(), edges: Vec::new() };
    let mut shapes = Vec::with_capacity(blocks.len());
    for (block, at) in blocks.into_iter().zip(&level.at) {
        shapes.push(whole.shapes.len());
        whole.take(block, *at, None);
    }
    let routed = arrows.iter().zip(labels).zip(level.routes);
    whole.edges.extend(routed.map(|((arrow, (index, label)), route)| Edge {
        from: shapes[arrow.from],
        to: shapes[arrow.to],
        kind: arrow.kind,
        index,
        back: route.back,
        label,
        label_at: route.label_at,
        points: route.points,
    }));
    whole
}

fn label_size(lines: &[String], measure: &Measure) -> Size {
    let width = measure.width(lines, measure.small_char_width) + measure.edge_gap_x * 0.4;
    Size { width: odd(width, measure), height: lines.len() as f64 * measure.small_line_height }
}

fn blank(kind: ShapeKind) -> Shape {
    Shape {
        kind,
        state: String::new(),
        state_type: String::new(),
        title: Vec::new(),
        subtitle: String::new(),
        retry: String::new(),
        parent: None,
        index: 0,
        at: Point::default(),
        width: 0.0,
        height: 0.0,
    }
}

/// A width whose middle is a character.
fn odd(width: f64, measure: &Measure) -> f64 {
    if !measure.whole {
        return width;
    }
    let width = width.ceil();
    if width as i64 % 2 == 0 { width + 1.0 } else { width }
}

fn lay_out_state(state: &State, measure: &Measure) -> Block {
    let mut shape = blank(if state.missing { ShapeKind::Missing } else { ShapeKind::State });
    shape.state.clone_from(&state.name);
    shape.state_type.clone_from(&state.state_type);
    shape.title = broken(&state.name, measure.title_chars_max, 2);
    shape.subtitle = broken(&state.subtitle, measure.subtitle_chars_max, 1).pop().unwrap_or_default();
    shape.retry.clone_from(&state.retry);
    let head = head_size(&shape, measure);
    if state.inner.is_empty() {
        (shape.width, shape.height) = (head.width, head.height);
        return Block { size: head, shapes: vec![shape], edges: Vec::new() };
    }
    shape.kind = ShapeKind::Container;
    let branches = state.inner.iter().enumerate().map(|(index, machine)| lay_out_branch(index, machine, measure));
    let inner = side_by_side(branches.collect(), measure);
    let width = odd(head.width.max(inner.size.width + 2.0 * measure.frame), measure);
    let height = head.height + inner.size.height + measure.frame.min(measure.gap_y / 3.0).ceil();
    (shape.width, shape.height) = (width, height);
    let left = (width - inner.size.width) / 2.0;
    let left = if measure.whole { left.floor() } else { left };
    let mut block = Block { size: Size { width, height }, shapes: vec![shape], edges: Vec::new() };
    block.take(inner, Point { x: left, y: head.height }, Some(0));
    block
}

fn head_size(shape: &Shape, measure: &Measure) -> Size {
    let retry =
        if shape.retry.is_empty() { 0.0 } else { (shape.retry.chars().count() + 1) as f64 * measure.small_char_width };
    let title = measure.width(&shape.title, measure.char_width) + measure.icon;
    let subtitle = measure.width(std::slice::from_ref(&shape.subtitle), measure.small_char_width) + measure.icon;
    let width = title.max(subtitle) + retry + 2.0 * measure.inset_x;
    let lines = shape.title.len().max(1) as f64 * measure.line_height;
    let small = if shape.subtitle.is_empty() { 0.0 } else { measure.small_line_height };
    Size { width: odd(width.max(measure.state_width_min), measure), height: lines + small + 2.0 * measure.inset_y }
}

fn lay_out_branch(index: usize, machine: &Machine, measure: &Measure) -> Block {
    let inner = lay_out_machine(machine, false, measure);
    let border = measure.frame;
    // Arrows to a state itself reach above and below it.
    let rise = if measure.whole { 1.0 } else { border };
    let mut shape = blank(ShapeKind::Branch);
    shape.index = index;
    shape.width = odd(inner.size.width + 2.0 * border, measure);
    shape.height = inner.size.height + 2.0 * rise;
    let size = Size { width: shape.width, height: shape.height };
    let mut block = Block { size, shapes: vec![shape], edges: Vec::new() };
    block.take(inner, Point { x: border, y: rise }, Some(0));
    block
}

/// Branches in rows, the first ones first; those of a row are equally high.
fn side_by_side(branches: Vec<Block>, measure: &Measure) -> Block {
    let mut whole = Block { size: Size::default(), shapes: Vec::new(), edges: Vec::new() };
    let gap = (measure.edge_gap_x * 0.7).round();
    let (mut x, mut y, mut row_height) = (0.0, 0.0, 0.0_f64);
    let mut row: Vec<usize> = Vec::new();
    for branch in branches {
        let size = branch.size;
        if x > 0.0 && x + size.width > measure.branches_width_max {
            row.drain(..).for_each(|shape| whole.shapes[shape].height = row_height);
            y += row_height + gap;
            (x, row_height) = (0.0, 0.0);
        }
        row.push(whole.shapes.len());
        whole.take(branch, Point { x, y }, None);
        row_height = row_height.max(size.height);
        whole.size.width = whole.size.width.max(x + size.width);
        whole.size.height = whole.size.height.max(y + size.height);
        x += size.width + gap;
    }
    row.drain(..).for_each(|shape| whole.shapes[shape].height = row_height);
    whole
}
