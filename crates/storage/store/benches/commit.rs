//! How many batches a second the store makes durable, beside the disk's own floor.
//!
//! `cargo bench -p windlass-store`. Every committer waits for its commit before
//! the next, so a group is never larger than there are committers. The floor is
//! one thread that writes as many records as there are committers, then syncs.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use windlass_store::{Batch, Column, ColumnKind, ColumnValue, Index, Key, SqliteOptions, Store, Table};

const COMMITTERS: [usize; 4] = [1, 16, 50, 256];
const ROUND: Duration = Duration::from_secs(3);
const ENTRY_BYTES: usize = 1024;
const ROW_BYTES: usize = 180;
/// Executions under way at once: streams appended to, rows rewritten.
const EXECUTIONS: usize = 2000;
/// Appends to a stream before the next execution takes its place.
const TURNS: u64 = 10;

static HEADS: Table = Table {
    name: "heads",
    columns: &[Column { name: "due_ms", kind: ColumnKind::Integer }],
    indexes: &[Index { name: "due", columns: &["due_ms"] }],
};
static PLAIN: Table = Table { name: "plain", columns: &[], indexes: &[] };

/// What a batch holds.
#[derive(Clone, Copy)]
enum Shape {
    /// One entry.
    Append,
    /// One entry and one row.
    AppendPut,
    /// One entry and one row, the row in an index whose column changes.
    AppendPutIndexed,
}

struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    group: f64,
}

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("windlass-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{ENTRY_BYTES}-byte entries, {ROW_BYTES}-byte rows, {} s each", ROUND.as_secs())?;
    writeln!(out, "{:<22}{:>11}{:>11}{:>10}{:>10}{:>9}", "", "committers", "batches/s", "p50 ms", "p99 ms", "group")?;
    for committers in COMMITTERS {
        print(&mut out, "raw append+fdatasync", committers, &raw(&folder, committers)?)?;
        for (name, shape) in [
            ("append", Shape::Append),
            ("append+put", Shape::AppendPut),
            ("append+put, indexed", Shape::AppendPutIndexed),
        ] {
            let measured = store(&folder.join(name), committers, shape)?;
            print(&mut out, name, committers, &measured)?;
        }
    }
    std::fs::remove_dir_all(&folder)
}

fn print(out: &mut impl Write, name: &str, committers: usize, measured: &Measured) -> io::Result<()> {
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let Measured { per_second, p50, p99, group } = measured;
    writeln!(out, "{name:<22}{committers:>11}{per_second:>11.0}{:>10.2}{:>10.2}{group:>9.1}", ms(*p50), ms(*p99))
}

fn summarise(mut latencies: Vec<Duration>, batches: usize, group: f64, elapsed: Duration) -> Measured {
    latencies.sort_unstable();
    let quantile = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or_default();
    Measured { per_second: batches as f64 / elapsed.as_secs_f64(), p50: quantile(0.5), p99: quantile(0.99), group }
}

fn raw(folder: &Path, records: usize) -> io::Result<Measured> {
    let path = folder.join("raw");
    let mut file = File::create(&path)?;
    let group = vec![0x5a; (ENTRY_BYTES + ROW_BYTES) * records];
    let mut latencies = Vec::new();
    let started = Instant::now();
    while started.elapsed() < ROUND {
        let at = Instant::now();
        file.write_all(&group)?;
        file.sync_data()?;
        latencies.push(at.elapsed());
    }
    let elapsed = started.elapsed();
    std::fs::remove_file(path)?;
    let batches = latencies.len() * records;
    Ok(summarise(latencies, batches, records as f64, elapsed))
}

fn store(folder: &Path, committers: usize, shape: Shape) -> io::Result<Measured> {
    let store = Store::open(folder, &[&HEADS, &PLAIN], SqliteOptions::default()).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let done = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let tasks: Vec<_> = (0..committers)
        .map(|committer| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                for turn in 0.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let at = Instant::now();
                    if store.commit(batch(shape, committer, committers, turn)).await.is_err() {
                        return None;
                    }
                    latencies.push(at.elapsed());
                }
                Some(latencies)
            })
        })
        .collect();
    std::thread::sleep(ROUND);
    done.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for task in tasks {
        let committed = runtime.block_on(task)?;
        latencies.extend(committed.ok_or_else(|| io::Error::other("a commit failed"))?);
    }
    let elapsed = started.elapsed();
    let stats = store.stats();
    store.close();
    std::fs::remove_dir_all(folder)?;
    let group = stats.batches as f64 / stats.commits.max(1) as f64;
    Ok(summarise(latencies, stats.batches as usize, group, elapsed))
}

/// A committer walks over its share of the executions, as a server's turns do.
fn batch(shape: Shape, committer: usize, committers: usize, turn: u64) -> Batch {
    let share = (EXECUTIONS / committers).max(1) as u64;
    let (slot, sequence) = (turn % share, turn / share);
    let execution = (committer as u64 * share + slot) | ((sequence / TURNS) << 32);
    let id = execution.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = Key::new((id % 4096) as u16, "123456789012", "eu-west-1").fixed(&id.to_be_bytes());
    let mut batch = Batch::default();
    batch.append(key.clone(), sequence, vec![0x5a; ENTRY_BYTES]);
    match shape {
        Shape::Append => {}
        Shape::AppendPut => batch.put(&PLAIN, key, vec![], vec![0x5a; ROW_BYTES]),
        Shape::AppendPutIndexed => {
            batch.put(&HEADS, key, vec![ColumnValue::Integer(turn as i64)], vec![0x5a; ROW_BYTES]);
        }
    }
    batch
}
