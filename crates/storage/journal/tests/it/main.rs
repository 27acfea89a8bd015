//! The journal over a store in memory whose faults are driven by hand.

mod budget;
mod concurrency;
mod contents;
mod crashes;
mod faults;
mod forks;
mod golden;
mod jobs;
mod keys;
mod measure;
mod observer;
mod redrives;
mod scenarios;
mod tasks;
mod world;
