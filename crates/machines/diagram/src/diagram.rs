use windlass_value::{Object, Value, object};

/// A place: to the right and down from the upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// What a shape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeKind {
    /// Where the execution begins.
    Start,
    /// Where it ends: states with `"End": true` lead here.
    End,
    /// A state.
    State,
    /// A Parallel or Map state with what is in it.
    Container,
    /// A branch of a Parallel state, or the processor of a Map.
    Branch,
    /// A state that is named as a target and not there.
    Missing,
}

impl ShapeKind {
    /// As it is written in JSON and as a class of the SVG.
    pub fn as_str(self) -> &'static str {
        match self {
            ShapeKind::Start => "start",
            ShapeKind::End => "end",
            ShapeKind::State => "state",
            ShapeKind::Container => "container",
            ShapeKind::Branch => "branch",
            ShapeKind::Missing => "missing",
        }
    }
}

/// Something with a place and a size.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// What it stands for.
    pub kind: ShapeKind,
    /// The state's name; empty for Start, End and branches.
    pub state: String,
    /// The state's `Type` as written; empty where there is none.
    pub state_type: String,
    /// The name, broken into lines.
    pub title: Vec<String>,
    /// What it does in a few words: `Lambda: invoke`, `5 s`. May be empty.
    pub subtitle: String,
    /// Retriers: `↻ 3` for three attempts more. Empty for none.
    pub retry: String,
    /// The shape it lies in.
    pub parent: Option<usize>,
    /// The number of a branch within its Parallel state.
    pub index: usize,
    /// Upper left corner.
    pub at: Point,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Shape {
    pub(crate) fn right(&self) -> f64 {
        self.at.x + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.at.y + self.height
    }
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// From Start, or to End.
    Ends,
    /// `Next`.
    Next,
    /// A Choice rule.
    Choice,
    /// A Choice's `Default`.
    Default,
    /// A catcher.
    Catch,
}

impl EdgeKind {
    /// As it is written in JSON and as a class of the SVG.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Ends => "ends",
            EdgeKind::Next => "next",
            EdgeKind::Choice => "choice",
            EdgeKind::Default => "default",
            EdgeKind::Catch => "catch",
        }
    }
}

/// An arrow between two shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Index of the shape it leaves.
    pub from: usize,
    /// Index of the shape it leads to.
    pub to: usize,
    /// What it means.
    pub kind: EdgeKind,
    /// Which rule or catcher it is, from 0.
    pub index: usize,
    /// It leads back to a state before.
    pub back: bool,
    /// Its text, broken into lines; empty for none.
    pub label: Vec<String>,
    /// Centre of the text.
    pub label_at: Point,
    /// From its beginning to its end. Runs alternate: one straight down, one across.
    pub points: Vec<Point>,
}

/// A definition, laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// Width of everything.
    pub width: f64,
    /// Height of everything.
    pub height: f64,
    /// Containers stand before what is in them.
    pub shapes: Vec<Shape>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

impl Diagram {
    /// As JSON: `{width, height, shapes: […], edges: […]}`. Members with nothing
    /// to say are left out; `path` is the data of an SVG path.
    pub fn to_value(&self) -> Value {
        object! {
            "width" => tenths(self.width),
            "height" => tenths(self.height),
            "shapes" => self.shapes.iter().map(shape).collect::<Vec<Value>>(),
            "edges" => self.edges.iter().map(edge).collect::<Vec<Value>>(),
        }
    }
}

fn shape(shape: &Shape) -> Value {
    let mut object = Object::with_capacity(12);
    object.insert("kind", shape.kind.as_str());
    for (name, text) in
        [("state", &shape.state), ("type", &shape.state_type), ("subtitle", &shape.subtitle), ("retry", &shape.retry)]
    {
        if !text.is_empty() {
            object.insert(name, text);
        }
    }
    if !shape.title.is_empty() {
        object.insert("title", texts(&shape.title));
    }
    if let Some(parent) = shape.parent {
        object.insert("parent", parent);
    }
    if shape.kind == ShapeKind::Branch {
        object.insert("index", shape.index);
    }
    object.insert("x", tenths(shape.at.x));
    object.insert("y", tenths(shape.at.y));
    object.insert("width", tenths(shape.width));
    object.insert("height", tenths(shape.height));
    object.into()
}

fn edge(edge: &Edge) -> Value {
    let mut object = Object::with_capacity(9);
    object.insert("from", edge.from);
    object.insert("to", edge.to);
    object.insert("kind", edge.kind.as_str());
    object.insert("path", crate::svg::path(&edge.points));
    if matches!(edge.kind, EdgeKind::Choice | EdgeKind::Catch) {
        object.insert("index", edge.index);
    }
    if edge.back {
        object.insert("back", true);
    }
    if !edge.label.is_empty() {
        object.insert("label", texts(&edge.label));
        object.insert("labelX", tenths(edge.label_at.x));
        object.insert("labelY", tenths(edge.label_at.y));
    }
    object.into()
}

fn texts(lines: &[String]) -> Value {
    Value::array(lines.iter().map(Value::from).collect())
}

/// A tenth of a pixel is enough, and keeps the JSON small.
fn tenths(length: f64) -> Value {
    windlass_value::Number::from_f64((length * 10.0).round() / 10.0).map_or(Value::Null, Value::from)
}
