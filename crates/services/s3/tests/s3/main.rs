//! The S3 service through its calls.

mod buckets;
mod copies;
mod crash;
mod lifecycle;
mod listings;
mod multipart;
mod notifications;
mod objects;
mod settings;
mod versions;
mod world;
