//! The console: its files, and who is signed in to it.

mod files;
mod json;
mod picture;
mod session;
mod sign_in;

pub(crate) use files::{answer as file, is_asked as is_file};
pub(crate) use picture::{answer as picture, is_asked as is_picture};
pub(crate) use session::Sessions;
pub(crate) use sign_in::{answer as sign_in, is_asked as is_sign_in};
