//! EventBridge Pipes as their callers, their queues and their targets see them.

mod control;
mod flow;
mod world;
