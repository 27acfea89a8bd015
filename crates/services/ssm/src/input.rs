pub(crate) use windlass_protocol::input::{flag, integer, required, text, texts};
