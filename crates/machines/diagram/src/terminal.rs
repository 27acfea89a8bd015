//! A diagram as text, with the characters that terminals draw boxes with.

use crate::diagram::{Diagram, Edge, EdgeKind, Point, Shape, ShapeKind};

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// Characters beyond which no text is made of a diagram.
const CELLS_MAX: usize = 40_000_000;

struct Grid {
    width: usize,
    letters: Vec<char>,
    lines: Vec<u8>,
}

/// The diagram as lines of text. It must have been measured in cells; `None`
/// where it is too large for a text.
pub fn to_text(diagram: &Diagram) -> Option<String> {
    let (width, height) = (diagram.width.ceil() as usize, diagram.height.ceil() as usize);
    if width.checked_mul(height)? > CELLS_MAX {
        return None;
    }
    let mut grid = Grid { width, letters: vec![' '; width * height], lines: vec![0; width * height] };
    for shape in diagram.shapes.iter().filter(|shape| shape.kind == ShapeKind::Container) {
        grid.shape(shape);
    }
    for edge in &diagram.edges {
        grid.edge(edge);
    }
    for shape in diagram.shapes.iter().filter(|shape| shape.kind != ShapeKind::Container) {
        grid.shape(shape);
    }
    for edge in &diagram.edges {
        grid.label(edge);
        grid.tip(edge);
    }
    Some(grid.text())
}

impl Grid {
    fn index(&self, x: f64, y: f64) -> Option<usize> {
        let (x, y) = (x.floor(), y.floor());
        let inside = x >= 0.0 && y >= 0.0 && (x as usize) < self.width;
        let index = (y.max(0.0) as usize) * self.width + x.max(0.0) as usize;
        (inside && index < self.letters.len()).then_some(index)
    }

    fn put(&mut self, x: f64, y: f64, letter: char) {
        if let Some(index) = self.index(x, y) {
            self.letters[index] = letter;
            self.lines[index] = 0;
        }
    }

    fn write(&mut self, x: f64, y: f64, text: &str) {
        for (offset, letter) in text.chars().enumerate() {
            self.put(x + offset as f64, y, letter);
        }
    }

    /// A line from one cell to another in its row or column.
    fn line(&mut self, from: Point, to: Point) {
        let (x0, x1) = (from.x.min(to.x).floor() as i64, from.x.max(to.x).floor() as i64);
        let (y0, y1) = (from.y.min(to.y).floor() as i64, from.y.max(to.y).floor() as i64);
        for y in y0..=y1 {
            for x in x0..=x1 {
                let mut mask = 0;
                mask |= if x > x0 { LEFT } else { 0 } | if x < x1 { RIGHT } else { 0 };
                mask |= if y > y0 { UP } else { 0 } | if y < y1 { DOWN } else { 0 };
                if let Some(index) = self.index(x as f64, y as f64) {
                    self.lines[index] |= mask;
                }
            }
        }
    }

    fn edge(&mut self, edge: &Edge) {
        let Some(first) = edge.points.first() else { return };
        let mut at = *first;
        // An arrow grows out of the border above its first cell, and ends in its tip.
        if !edge.back
            && let Some(index) = self.index(at.x, at.y)
        {
            self.lines[index] |= UP;
        }
        let end = edge.points.last().map_or(0.0, |tip| tip.y);
        for (index, point) in edge.points.iter().enumerate().skip(1) {
            let point = &Point { y: if point.y == end && !edge.back { end - 1.0 } else { point.y }, ..*point };
            if index % 2 == 1 || (point.x - at.x).abs() < 0.5 {
                self.line(at, *point);
            } else {
                // Arrows from Catch run a row lower, to be told from the others.
                let down = point.y >= at.y;
                let aside = if edge.kind == EdgeKind::Catch { 1.0 } else { 0.0 };
                let middle = (if down { at.y } else { point.y } + aside).floor().min(at.y.max(point.y));
                let (turn, end) = (Point { x: at.x, y: middle }, Point { x: point.x, y: middle });
                self.line(at, turn);
                self.line(turn, end);
                self.line(end, *point);
            }
            at = *point;
        }
    }

    fn tip(&mut self, edge: &Edge) {
        let [.., before, tip] = edge.points.as_slice() else { return };
        let upwards = tip.y < before.y || edge.back && (tip.y - before.y).abs() < 0.5;
        if upwards {
            self.put(tip.x, tip.y, '▲');
        } else {
            self.put(tip.x, tip.y - 1.0, '▼');
        }
    }

    fn label(&mut self, edge: &Edge) {
        let top = edge.label_at.y - edge.label.len() as f64 / 2.0;
        for (line, text) in edge.label.iter().enumerate() {
            let width = text.chars().count() as f64;
            self.write(edge.label_at.x - width / 2.0, top + line as f64, text);
        }
    }

    fn shape(&mut self, shape: &Shape) {
        let (left, top) = (shape.at.x, shape.at.y);
        let (right, bottom) = (shape.right() - 1.0, shape.bottom() - 1.0);
        match shape.kind {
            ShapeKind::Start => return self.put(left, top, '●'),
            ShapeKind::End => return self.put(left, top, '◉'),
            ShapeKind::Branch => {
                let mut x = left;
                while x <= right {
                    self.put(x, top, '┄');
                    x += 1.0;
                }
                return;
            }
            _ => {}
        }
        let corners = match shape.kind {
            ShapeKind::Container => ['╔', '╗', '╚', '╝', '═', '║'],
            ShapeKind::Missing => ['┌', '┐', '└', '┘', '┄', '┆'],
            _ => match shape.state_type.as_str() {
                "Choice" => ['╱', '╲', '╲', '╱', '─', '│'],
                _ => ['╭', '╮', '╰', '╯', '─', '│'],
            },
        };
        let mut y = top;
        while y <= bottom {
            let mut x = left;
            while x <= right {
                let letter = match (x == left, x == right, y == top, y == bottom) {
                    (true, _, true, _) => corners[0],
                    (_, true, true, _) => corners[1],
                    (true, _, _, true) => corners[2],
                    (_, true, _, true) => corners[3],
                    (_, _, true, _) | (_, _, _, true) => corners[4],
                    (true, ..) | (_, true, ..) => corners[5],
                    _ => ' ',
                };
                self.put(x, y, letter);
                x += 1.0;
            }
            y += 1.0;
        }
        let mut y = top + 1.0;
        for line in &shape.title {
            self.centred(shape, y, line);
            y += 1.0;
        }
        if !shape.subtitle.is_empty() {
            self.centred(shape, y, &shape.subtitle);
        }
        if !shape.retry.is_empty() {
            let width = shape.retry.chars().count() as f64;
            self.write(right - width - 1.0, top, &shape.retry);
        }
    }

    fn centred(&mut self, shape: &Shape, y: f64, text: &str) {
        let width = text.chars().count() as f64;
        self.write(shape.at.x + ((shape.width - width) / 2.0).floor(), y, text);
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.letters.len() * 2);
        for row in 0..self.letters.len() / self.width.max(1) {
            let cells = row * self.width..(row + 1) * self.width;
            let line: String = cells
                .map(|index| match self.lines[index] {
                    0 => self.letters[index],
                    mask => drawn(mask),
                })
                .collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn drawn(mask: u8) -> char {
    const CHARACTERS: [char; 16] = [' ', '│', '│', '│', '─', '╯', '╮', '┤', '─', '╰', '╭', '├', '─', '┴', '┬', '┼'];
    CHARACTERS[usize::from(mask & 15)]
}
