//! EventBridge as its callers and its targets see it.

mod api_destinations;
mod archives;
mod buses;
mod crashes;
mod deliveries;
mod repeats;
mod rules;
mod schedules;
mod world;
