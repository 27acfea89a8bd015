//! Map Runs: what a Map in mode DISTRIBUTED asks for, the inputs of its child
//! executions, and the machine that decides what happens when.
//!
//! To its execution a Map Run is one thing that is waited for. It has a life of
//! its own: [`MapRunState`] takes events and answers effects, as the workflow
//! machine does, and knows items only by their number.

mod counts;
mod plan;
mod select;
mod state;
mod window;

pub use counts::MapRunCounts;
pub use plan::{ItemBatching, MapRunPlan, MapRunSettings, MapSource, ResultWriting};
pub use select::{ItemOf, batch_input, item_input, label_of};
pub use state::{
    ChildOffer, Ending, MapRunEffect, MapRunEvent, MapRunFailure, MapRunPhase, MapRunState, MapRunStatus, Standing,
};
pub use window::Window;
