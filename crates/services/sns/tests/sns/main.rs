//! SNS through `Service::call`, over a store in memory and receivers that write down
//! what they are called with.

mod confirmations;
mod deliveries;
mod errors;
mod fifo;
mod fixture;
mod mails;
mod messages;
mod subscriptions;
mod topics;
