//! Pages of an index, and their tokens: opaque, bound to the query they continue.

use windlass_protocol::{Fault, PageToken};
use windlass_store::{Key, Position, Row, Scan, Store, Table};
use windlass_value::{Object, Value};

use crate::faults;
use crate::request::Request;

/// Rows that are read at once.
const SCAN_ROWS: usize = 200;

/// One page of a scan's rows as `member` of the answer, and the token of the next.
/// `write` leaves out rows that are not asked for; what a row's columns are at its
/// position is told by `position`.
///
/// # Errors
/// A token that is not of this query; what the store answers.
pub(crate) fn page(
    request: Request<'_>,
    member: &str,
    arguments: &[&str],
    store: &Store,
    table: &'static Table,
    mut scan: Scan,
    write: impl Fn(&Row) -> Result<Option<Value>, Fault>,
) -> Result<Value, Fault> {
    let tokens = PageToken::of(request.call, arguments);
    let limit = request.results_max()?;
    scan.limit = SCAN_ROWS;
    if let Some(token) = request.text("NextToken")?.filter(|token| !token.is_empty()) {
        let key = Key::from_bytes(tokens.open(token).ok_or_else(invalid)?);
        let row = Row { columns: columns(&key), key, value: bytes::Bytes::new(), version: 0 };
        scan.after = Some(scan.position(table, &row));
    }
    let mut items = Vec::new();
    let mut next: Option<Position> = None;
    'pages: loop {
        let rows = store.scan(table, scan.clone()).map_err(|error| faults::of_store(&error))?;
        for row in &rows {
            let Some(item) = write(row)? else { continue };
            if items.len() == limit {
                break 'pages;
            }
            items.push(item);
            next = Some(scan.position(table, row));
        }
        match rows.last() {
            Some(last) if rows.len() == SCAN_ROWS => scan.after = Some(scan.position(table, last)),
            _ => {
                next = None;
                break;
            }
        }
    }
    let mut output = Object::new();
    output.insert(member, Value::array(items));
    if let Some(position) = next {
        output.insert("NextToken", tokens.seal(position.key.as_bytes()));
    }
    Ok(output.into())
}

/// The columns of a key: both tables have all parts of their keys as columns.
fn columns(key: &Key) -> Vec<windlass_store::ColumnValue> {
    const SHARD_BYTES: usize = 2;
    let bytes = key.as_bytes().get(SHARD_BYTES..).unwrap_or_default();
    // Names have no NUL, so parts end at two of them.
    let parts = str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0').split("\0\0");
    parts.map(windlass_store::ColumnValue::from).collect()
}

fn invalid() -> Fault {
    Fault::validation("Invalid NextToken.")
}
