//! The journal over a store in memory whose faults are driven by hand.

mod budget;
mod crashes;
mod faults;
mod forks;
mod golden;
mod jobs;
mod observer;
mod redrives;
mod scenarios;
mod tasks;
mod world;
