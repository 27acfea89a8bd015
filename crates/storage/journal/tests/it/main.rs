//! The journal over a store in memory whose faults are driven by hand.

mod budget;
mod crashes;
mod faults;
mod golden;
mod jobs;
mod observer;
mod scenarios;
mod tasks;
mod world;
