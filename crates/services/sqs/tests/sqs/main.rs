//! The SQS service through its calls, over a store in memory and a clock that
//! tests move.

mod crashes;
mod dead_letters;
mod fifo;
mod fixture;
mod messages;
mod move_tasks;
mod property;
mod queues;
mod waiting;
