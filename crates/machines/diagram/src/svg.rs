//! A diagram as SVG, light or dark as the reader's screen is.

use std::fmt::Write;

use crate::diagram::{Diagram, Edge, EdgeKind, Point, Shape, ShapeKind};

const STYLE: &str = "\
.w{--ground:#ffffff;--ink:#1c2430;--soft:#5d6b7e;--line:#8a97a8;--card:#ffffff;--rim:#c9d2de;--frame:#f5f8fb;--branch:#ffffff;--accent:#2962d9;--catch:#c2410c;--back:#7c3aed;--good:#15803d;--bad:#b91c1c;--run:#2563eb;--warn:#b45309}\
@media(prefers-color-scheme:dark){.w{--ground:#10151d;--ink:#e6ebf2;--soft:#98a6b8;--line:#66758a;--card:#1b2330;--rim:#38465a;--frame:#151c27;--branch:#10151d;--accent:#7ba4ff;--catch:#fb923c;--back:#b79bff;--good:#4ade80;--bad:#f87171;--run:#60a5fa;--warn:#fbbf24}}\
.w{background:var(--ground);font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}\
.w .ground{fill:var(--ground)}\
.w .state rect{fill:var(--card);stroke:var(--rim);stroke-width:1.2}\
.w .container rect{fill:var(--frame);stroke:var(--rim);stroke-width:1.2}\
.w .branch rect{fill:var(--branch);stroke:var(--rim);stroke-dasharray:3 4}\
.w .missing rect{fill:none;stroke:var(--bad);stroke-dasharray:5 4}\
.w text{fill:var(--ink);font-size:13px}.w .title{font-weight:600}\
.w .small{fill:var(--soft);font-size:11px}.w .retry{fill:var(--warn);font-size:11px}\
.w .icon{fill:none;stroke:var(--accent);stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}\
.w .Fail .icon{stroke:var(--bad)}.w .Succeed .icon{stroke:var(--good)}\
.w .start circle{fill:var(--ink)}.w .end circle{fill:none;stroke:var(--ink);stroke-width:2}.w .end .core{fill:var(--ink)}\
.w .edge{fill:none;stroke:var(--line);stroke-width:1.5}.w .edge.catch{stroke:var(--catch);stroke-dasharray:5 4}.w .edge.back{stroke:var(--back)}.w .edge.default{stroke-dasharray:2 3}\
.w .tip{fill:var(--line)}.w .tip.catch{fill:var(--catch)}.w .tip.back{fill:var(--back)}\
.w .label{font-size:11px;fill:var(--soft);text-anchor:middle}.w .label.catch{fill:var(--catch)}.w .paper{fill:var(--ground);opacity:.86}\
.w .succeeded rect{stroke:var(--good);stroke-width:2}.w .failed rect{stroke:var(--bad);stroke-width:2}.w .running rect{stroke:var(--run);stroke-width:2}.w .caught rect{stroke:var(--warn);stroke-width:2}.w .aborted rect{stroke:var(--soft);stroke-width:2}";

/// The diagram as a document of its own. `status` gives the class of a state
/// (`succeeded`, `failed`, `running`, `caught`, `aborted`), for the picture of
/// an execution.
pub fn to_svg(diagram: &Diagram, status: &dyn Fn(&str) -> Option<&'static str>) -> String {
    let (width, height) = (diagram.width.ceil(), diagram.height.ceil());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"w\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"State machine\">\
         <style>{STYLE}</style><rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>"
    );
    for shape in diagram.shapes.iter().filter(|shape| matches!(shape.kind, ShapeKind::Container | ShapeKind::Branch)) {
        write_shape(&mut svg, shape, status);
    }
    for edge in &diagram.edges {
        write_edge(&mut svg, edge);
    }
    for shape in diagram.shapes.iter().filter(|shape| !matches!(shape.kind, ShapeKind::Container | ShapeKind::Branch)) {
        write_shape(&mut svg, shape, status);
    }
    for edge in &diagram.edges {
        write_label(&mut svg, edge);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The data of a path through an arrow's points: straight down, a curve across,
/// straight down, and so on.
pub(crate) fn path(points: &[Point]) -> String {
    let mut data = String::new();
    let Some(first) = points.first() else { return data };
    // Writing to a string cannot fail.
    let _ = write!(data, "M{} {}", n(first.x), n(first.y));
    let mut at = *first;
    for (index, point) in points.iter().enumerate().skip(1) {
        if (point.x - at.x).abs() < 0.05 {
            if (point.y - at.y).abs() >= 0.05 {
                let _ = write!(data, "V{}", n(point.y));
            }
        } else if index % 2 == 0 {
            let middle = (at.y + point.y) / 2.0;
            let _ =
                write!(data, "C{} {} {} {} {} {}", n(at.x), n(middle), n(point.x), n(middle), n(point.x), n(point.y));
        } else {
            let _ = write!(data, "L{} {}", n(point.x), n(point.y));
        }
        at = *point;
    }
    data
}

fn n(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

fn write_edge(svg: &mut String, edge: &Edge) {
    let class = class_of(edge);
    let _ = write!(svg, "<path class=\"edge {class}\" d=\"{}\"/>", path(&edge.points));
    // The last run is straight up or down, so the tip is too.
    if let [.., before, tip] = edge.points.as_slice() {
        let up = if tip.y < before.y || (tip.y - before.y).abs() < 0.05 && edge.back { 1.0 } else { -1.0 };
        let (x, y) = (n(tip.x), n(tip.y));
        let base = n(tip.y + up * 8.0);
        let _ =
            write!(svg, "<path class=\"tip {class}\" d=\"M{x} {y}L{} {base}L{} {base}Z\"/>", n(x - 4.5), n(x + 4.5));
    }
}

fn class_of(edge: &Edge) -> &'static str {
    match (edge.kind, edge.back) {
        (EdgeKind::Catch, _) => "catch",
        (_, true) => "back",
        (kind, false) => kind.as_str(),
    }
}

fn write_label(svg: &mut String, edge: &Edge) {
    if edge.label.is_empty() {
        return;
    }
    let widest = edge.label.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
    let height = edge.label.len() as f64 * 15.0;
    let (x, top) = (edge.label_at.x, edge.label_at.y - height / 2.0);
    let _ = write!(
        svg,
        "<rect class=\"paper\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"/>",
        n(x - widest * 3.1),
        n(top),
        n(widest * 6.2),
        n(height)
    );
    for (line, text) in edge.label.iter().enumerate() {
        let y = n(top + 11.5 + line as f64 * 15.0);
        let _ =
            write!(svg, "<text class=\"label {}\" x=\"{}\" y=\"{y}\">{}</text>", class_of(edge), n(x), escaped(text));
    }
}

fn write_shape(svg: &mut String, shape: &Shape, status: &dyn Fn(&str) -> Option<&'static str>) {
    let (x, y, width, height) = (n(shape.at.x), n(shape.at.y), n(shape.width), n(shape.height));
    let kind = shape.kind.as_str();
    match shape.kind {
        ShapeKind::Start | ShapeKind::End => {
            let radius = shape.width / 2.0;
            let (cx, cy) = (n(shape.at.x + radius), n(shape.at.y + radius));
            let _ = write!(svg, "<g class=\"{kind}\"><circle cx=\"{cx}\" cy=\"{cy}\" r=\"{}\"/>", n(radius - 1.0));
            if shape.kind == ShapeKind::End {
                let _ = write!(svg, "<circle class=\"core\" cx=\"{cx}\" cy=\"{cy}\" r=\"{}\"/>", n(radius - 6.0));
            }
            svg.push_str("</g>");
        }
        ShapeKind::Branch => {
            let _ = write!(
                svg,
                "<g class=\"{kind}\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/></g>"
            );
        }
        ShapeKind::State | ShapeKind::Container | ShapeKind::Missing => {
            let type_class = if shape.state_type.chars().all(|letter| letter.is_ascii_alphabetic()) {
                &shape.state_type
            } else {
                ""
            };
            let status = status(&shape.state).unwrap_or_default();
            let _ = write!(
                svg,
                "<g class=\"{kind} {type_class} {status}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"9\"/>",
                escaped(&shape.state)
            );
            let _ = write!(
                svg,
                "<path class=\"icon\" transform=\"translate({} {})\" d=\"{}\"/>",
                n(shape.at.x + 13.0),
                n(shape.at.y + 10.0),
                icon(&shape.state_type)
            );
            let left = n(shape.at.x + 40.0);
            let mut line = shape.at.y + 22.0;
            for text in &shape.title {
                let _ = write!(svg, "<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>", n(line), escaped(text));
                line += 18.0;
            }
            if !shape.subtitle.is_empty() {
                let _ = write!(
                    svg,
                    "<text class=\"small\" x=\"{left}\" y=\"{}\">{}</text>",
                    n(line - 2.0),
                    escaped(&shape.subtitle)
                );
            }
            if !shape.retry.is_empty() {
                let _ = write!(
                    svg,
                    "<text class=\"retry\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>",
                    n(shape.right() - 10.0),
                    n(shape.at.y + 21.0),
                    escaped(&shape.retry)
                );
            }
            svg.push_str("</g>");
        }
    }
}

/// A drawing of 16 by 16 for a state's type.
fn icon(state_type: &str) -> &'static str {
    match state_type {
        "Task" => "M9.5 1L3 9.5h4.5L6.5 15L13 6.5H8.5Z",
        "Choice" => "M8 1L15 8L8 15L1 8Z",
        "Wait" => "M8 1a7 7 0 1 0 .01 0ZM8 4v4.5l3 2",
        "Pass" => "M1 8h13M9.5 3.5L14 8l-4.5 4.5",
        "Succeed" => "M2 8.5l4 4L14 4",
        "Fail" => "M3 3l10 10M13 3L3 13",
        "Parallel" => "M4 1v14M8 1v14M12 1v14",
        "Map" => "M1 2h9v5H1ZM4 7v3h9V5h-3M7 10v3h8V8h-2",
        _ => "M8 2v7M8 13v.5",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
