//! The same wire formats from the other side: requests written, answers read. For
//! handing calls on to another endpoint, and for the command line.

mod request;
mod response;

pub use request::encode_request;
pub use response::decode_response;

use crate::model::{Kind, ServiceModel, ShapeId, Structure};

fn structure(service: &ServiceModel, id: Option<ShapeId>) -> Option<&Structure> {
    match &service.shape(id?).kind {
        Kind::Structure(structure) => Some(structure),
        _ => None,
    }
}
