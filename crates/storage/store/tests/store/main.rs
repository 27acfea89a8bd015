//! The store's laws, held by every implementation; and what only the durable one can show.

mod durability;
mod evolution;
mod faults;
mod laws;
mod model;
mod scans;
mod subject;
