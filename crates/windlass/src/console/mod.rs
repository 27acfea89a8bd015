//! The console: its files, and who is signed in to it.

mod files;
mod json;
mod session;
mod sign_in;

pub(crate) use files::{answer as file, is_asked as is_file};
pub(crate) use session::Sessions;
pub(crate) use sign_in::{answer as sign_in, is_asked as is_sign_in};
