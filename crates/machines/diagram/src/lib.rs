//! The picture of a state machine definition: what is drawn, where, and how it
//! looks as SVG or in a terminal.
//!
//! One layout serves the console, the command line and exports. It reads the
//! definition's JSON and forgives what is wrong in it, so that a half-written
//! definition has a picture too. It knows no execution, clock or I/O; equal
//! definitions give equal pictures.

mod caption;
mod condition;
mod definition;
mod diagram;
mod layered;
mod measure;
mod nested;
mod order;
mod place;
mod rank;
mod route;
mod svg;
mod terminal;

pub use diagram::{Diagram, Edge, EdgeKind, Point, Shape, ShapeKind};
pub use measure::Measure;
pub use svg::to_svg;
pub use terminal::to_text;

use windlass_value::Value;

/// States of a definition beyond which no picture is made.
pub const STATES_MAX: usize = 10_000;
/// Containers in containers beyond which the inner ones are drawn closed.
pub const DEPTH_MAX: usize = 64;

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiagramError {
    /// There is no object `States`, so there is nothing to draw.
    NoStates,
    /// More states than [`STATES_MAX`].
    TooMany {
        /// How many there are.
        states: usize,
    },
}

impl std::fmt::Display for DiagramError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DiagramError::NoStates => {
                f.write_str("The definition has no object 'States', so there is nothing to draw.")
            }
            DiagramError::TooMany { states } => {
                write!(f, "The definition has {states} states; a picture is made of at most {STATES_MAX}.")
            }
        }
    }
}

impl std::error::Error for DiagramError {}

/// Lays out a definition. `measure` says how large texts and gaps are: pixels
/// for SVG and console, character cells for a terminal.
///
/// # Errors
/// See [`DiagramError`].
pub fn draw(definition: &Value, measure: &Measure) -> Result<Diagram, DiagramError> {
    let machine = definition::Machine::read(definition).ok_or(DiagramError::NoStates)?;
    let states = machine.count();
    if states > STATES_MAX {
        return Err(DiagramError::TooMany { states });
    }
    Ok(nested::lay_out(&machine, measure))
}
