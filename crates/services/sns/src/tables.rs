use windlass_store::{Column, ColumnKind, Index, Key, Table, shard_of};

use crate::topic_name::TopicName;

const ACCOUNT: Column = Column { name: "account", kind: ColumnKind::Text };
const REGION: Column = Column { name: "region", kind: ColumnKind::Text };
const TOPIC: Column = Column { name: "topic", kind: ColumnKind::Text };

/// Topics: key (shard, account, region, name).
pub(crate) static TOPICS: Table = Table {
    name: "sns_topics",
    columns: &[ACCOUNT, REGION, TOPIC],
    indexes: &[Index { name: "by_account", columns: &["account", "region", "topic"] }],
};

/// Subscriptions, those that are unsubscribed too while they can be taken back: key
/// (shard, account, region, topic, id).
pub(crate) static SUBSCRIPTIONS: Table = Table {
    name: "sns_subscriptions",
    columns: &[
        ACCOUNT,
        REGION,
        TOPIC,
        Column { name: "id", kind: ColumnKind::Text },
        // Null for those that stay.
        Column { name: "forgotten_ms", kind: ColumnKind::Integer },
    ],
    indexes: &[
        Index { name: "by_account", columns: &["account", "region", "topic", "id"] },
        Index { name: "by_id", columns: &["id"] },
        Index { name: "by_end", columns: &["forgotten_ms"] },
    ],
};

/// The subscription of an endpoint: key (shard, account, region, topic, protocol, endpoint).
pub(crate) static ENDPOINTS: Table = Table { name: "sns_endpoints", columns: &[ACCOUNT, REGION, TOPIC], indexes: &[] };

/// Messages under way to more than one subscription: key (shard, account, region, topic, id).
pub(crate) static MESSAGES: Table = Table { name: "sns_messages", columns: &[ACCOUNT, REGION, TOPIC], indexes: &[] };

/// What a FIFO topic was lately sent: key (shard, account, region, topic, deduplication id).
pub(crate) static DEDUPLICATIONS: Table = Table {
    name: "sns_deduplications",
    columns: &[Column { name: "expires_ms", kind: ColumnKind::Integer }],
    indexes: &[Index { name: "by_expiry", columns: &["expires_ms"] }],
};

/// The sequence numbers a FIFO topic may use: key (shard, account, region, topic).
pub(crate) static SEQUENCES: Table = Table { name: "sns_sequences", columns: &[ACCOUNT, REGION, TOPIC], indexes: &[] };

/// The signing key.
pub(crate) static KEYS: Table = Table { name: "sns_keys", columns: &[], indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&TOPICS, &SUBSCRIPTIONS, &ENDPOINTS, &MESSAGES, &DEDUPLICATIONS, &SEQUENCES, &KEYS];

/// The key of a topic; what belongs to it adds to it.
pub(crate) fn topic_key(topic: &TopicName) -> Key {
    Key::new(shard_of(&topic.name), &topic.account, &topic.region).text(&topic.name)
}

/// The key of the signing key.
pub(crate) fn signing_key() -> Key {
    Key::new(shard_of("signing"), "", "").text("signing")
}
