//! A message as it was sent. Stored once, and moved whole to a dead-letter queue.

use bytes::Bytes;
use windlass_protocol::Fault;
use windlass_value::{Text, uuid_v4};

use crate::message_attribute::{AttributeValue, MessageAttribute};

const FORMAT: u8 = 1;

/// What never changes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) message_id: u128,
    pub(crate) sender_id: Text,
    pub(crate) body: Text,
    pub(crate) body_md5: [u8; 16],
    pub(crate) attributes: Vec<MessageAttribute>,
    pub(crate) trace_header: Option<Text>,
    pub(crate) group: Option<Text>,
    pub(crate) deduplication_id: Option<Text>,
    /// The queue it was moved from to its dead-letter queue.
    pub(crate) source_arn: Option<Text>,
}

impl Content {
    pub(crate) fn message_id_text(&self) -> String {
        uuid_v4(self.message_id)
    }

    /// Layout: `[format: 1][message id: 16][MD5 of the body: 16]`, then texts with
    /// their length in 4 bytes, little endian, optional ones behind a 0 or 1.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.body.len() + 256);
        out.push(FORMAT);
        out.extend(self.message_id.to_be_bytes());
        out.extend(self.body_md5);
        put(&mut out, self.sender_id.as_bytes());
        put(&mut out, self.body.as_bytes());
        for text in [&self.trace_header, &self.group, &self.deduplication_id, &self.source_arn] {
            out.push(u8::from(text.is_some()));
            if let Some(text) = text {
                put(&mut out, text.as_bytes());
            }
        }
        // At most ten.
        out.push(self.attributes.len() as u8);
        for attribute in &self.attributes {
            put(&mut out, attribute.name.as_bytes());
            put(&mut out, attribute.data_type.as_bytes());
            match &attribute.value {
                AttributeValue::Text(text) => {
                    out.push(0);
                    put(&mut out, text.as_bytes());
                }
                AttributeValue::Binary(bytes) => {
                    out.push(1);
                    put(&mut out, bytes);
                }
            }
        }
        out.into()
    }

    /// Reads what [`Content::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are something else.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Content, Fault> {
        read(&mut Reader(bytes)).ok_or_else(|| Fault::internal("a stored message cannot be read"))
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // A message has at most a mebibyte.
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn block(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(self.array()?);
        self.bytes(len as usize)
    }

    fn text(&mut self) -> Option<Text> {
        Some(str::from_utf8(self.block()?).ok()?.into())
    }

    fn optional(&mut self) -> Option<Option<Text>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }
}

fn read(reader: &mut Reader<'_>) -> Option<Content> {
    if reader.byte()? != FORMAT {
        return None;
    }
    let message_id = u128::from_be_bytes(reader.array()?);
    let body_md5 = reader.array()?;
    let (sender_id, body) = (reader.text()?, reader.text()?);
    let (trace_header, group) = (reader.optional()?, reader.optional()?);
    let (deduplication_id, source_arn) = (reader.optional()?, reader.optional()?);
    let mut attributes = Vec::new();
    for _ in 0..reader.byte()? {
        let (name, data_type) = (reader.text()?, reader.text()?);
        let value = match reader.byte()? {
            0 => AttributeValue::Text(reader.text()?),
            1 => AttributeValue::Binary(Bytes::copy_from_slice(reader.block()?)),
            _ => return None,
        };
        attributes.push(MessageAttribute { name, data_type, value });
    }
    let content = Content {
        message_id,
        sender_id,
        body,
        body_md5,
        attributes,
        trace_header,
        group,
        deduplication_id,
        source_arn,
    };
    reader.0.is_empty().then_some(content)
}
