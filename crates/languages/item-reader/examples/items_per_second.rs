//! How fast items are read, in one thread, out of objects that are made as they are read:
//! `cargo run --release -p windlass-item-reader --example items_per_second [MIB]`.
//! The peak of resident memory must not grow with the size.

use std::io::Write;
use std::time::Instant;

use windlass_item_reader::{ItemReader, ObjectAddress, Read, ReaderConfig, Source};
use windlass_value::object;

/// What an object store gives at once.
const CHUNK_BYTES: usize = 1 << 20;
const ROWS_A_BLOCK: usize = 10_000;

struct Format {
    name: &'static str,
    start: &'static str,
    block: String,
    end: &'static str,
}

fn block(row: impl Fn(usize) -> String, between: &str) -> String {
    (0..ROWS_A_BLOCK).map(|index| row(index) + between).collect()
}

fn json(index: usize) -> String {
    format!(
        r#"{{"orderId":"o-{index:08}","customer":"Customer {}","amount":{}.{:02},"tags":["a","b"]}}"#,
        index % 977,
        index % 1000,
        index % 100
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mib: usize = std::env::args().nth(1).map_or(Ok(256), |mib| mib.parse())?;
    let csv =
        |index: usize| format!("o-{index:08},\"Customer, {}\",{}.{:02},a", index % 977, index % 1000, index % 100);
    let formats = [
        Format { name: "CSV", start: "orderId,customer,amount,tags\n", block: block(csv, "\n"), end: "" },
        Format { name: "JSON", start: "[", block: block(json, ",\n"), end: "0]" },
        Format { name: "JSONL", start: "", block: block(json, "\n"), end: "" },
    ];
    let mut out = std::io::stdout();
    writeln!(out, "{:<6} {:>9} {:>11} {:>8} {:>9}", "format", "items", "items/s", "MiB/s", "peak MiB")?;
    for format in formats {
        let config = object! { "InputType" => format.name, "CSVHeaderLocation" => "FIRST_ROW" };
        let config = ReaderConfig::from_value(&config, None)?;
        let mut reader = ItemReader::new(&config, Source::Object(ObjectAddress::new("bucket", "key")))?;
        let blocks = (mib << 20) / format.block.len();
        let pieces = std::iter::once(format.start)
            .chain(std::iter::repeat_n(&*format.block, blocks))
            .chain(std::iter::once(format.end));
        let mut chunks = pieces.flat_map(|piece| piece.as_bytes().chunks(CHUNK_BYTES));
        let (begin, mut items, mut bytes) = (Instant::now(), 0_u64, 0_usize);
        loop {
            match reader.next()? {
                Read::Item(item) => {
                    items += 1;
                    std::hint::black_box(item);
                }
                Read::NeedsInput => match chunks.next() {
                    Some(chunk) => {
                        bytes += chunk.len();
                        reader.feed(chunk);
                    }
                    None => reader.end_of_input(),
                },
                Read::End => break,
                _ => {}
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        let (rate, speed) = (items as f64 / seconds, bytes as f64 / seconds / f64::from(1 << 20));
        writeln!(out, "{:<6} {items:>9} {rate:>11.0} {speed:>8.0} {:>9}", format.name, peak_mib())?;
    }
    Ok(())
}

/// The most memory this process had, where the system says.
fn peak_mib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or("?".to_owned(), |kib| (kib / 1024).to_string())
}
