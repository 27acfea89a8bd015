//! How many batches a second the store makes durable, beside the disk's own floor.
//!
//! `cargo bench -p windlass-store --bench commit [-- COMMITTERS…]`. Every committer waits for its commit before
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
    /// Share of the time in commits (write and sync) and in checkpoints.
    sync: f64,
    checkpoint: f64,
}

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("windlass-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{ENTRY_BYTES}-byte entries, {ROW_BYTES}-byte rows, {} s each", ROUND.as_secs())?;
    writeln!(
        out,
        "{:<22}{:>11}{:>11}{:>10}{:>10}{:>9}{:>8}{:>8}",
        "", "committers", "batches/s", "p50 ms", "p99 ms", "group", "sync", "ckpt"
    )?;
    // Cargo passes `--bench`; numbers choose rows.
    let chosen: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for committers in COMMITTERS.into_iter().filter(|count| chosen.is_empty() || chosen.contains(count)) {
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
    let Measured { per_second, p50, p99, group, sync, checkpoint } = measured;
    let latency = format!("{:>10.2}{:>10.2}", ms(*p50), ms(*p99));
    let shares = format!("{:>7.0}%{:>7.0}%", sync * 100.0, checkpoint * 100.0);
    writeln!(out, "{name:<22}{committers:>11}{per_second:>11.0}{latency}{group:>9.1}{shares}")
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or_default()
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
    latencies.sort_unstable();
    Ok(Measured {
        per_second: (latencies.len() * records) as f64 / elapsed.as_secs_f64(),
        p50: quantile(&latencies, 0.5),
        p99: quantile(&latencies, 0.99),
        group: records as f64,
        sync: 1.0,
        checkpoint: 0.0,
    })
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
    latencies.sort_unstable();
    let share = |nanoseconds: u64| nanoseconds as f64 / elapsed.as_nanos() as f64;
    Ok(Measured {
        per_second: stats.batches as f64 / elapsed.as_secs_f64(),
        p50: quantile(&latencies, 0.5),
        p99: quantile(&latencies, 0.99),
        group: stats.batches as f64 / stats.commits.max(1) as f64,
        sync: share(stats.sync_ns),
        checkpoint: share(stats.checkpoint_ns),
    })
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
