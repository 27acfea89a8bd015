use windlass_value::{Text, Value, parse};

use crate::config::{CsvDelimiter, CsvHeaders, InputType, ManifestType, ReaderConfig};
use crate::failure::ReaderFailure;
use crate::source::ObjectAddress;

/// How long a manifest may be: it is held whole.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The objects that hold the items, and how they are read.
pub(crate) struct Manifest {
    pub(crate) objects: Vec<ObjectAddress>,
    pub(crate) config: ReaderConfig,
}

impl Manifest {
    pub(crate) fn parse(bytes: &[u8], kind: ManifestType, config: &ReaderConfig) -> Result<Manifest, ReaderFailure> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        match kind {
            ManifestType::AthenaData => {
                let lines = text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
                let objects = lines.map(|line| {
                    ObjectAddress::from_uri(line).ok_or_else(|| {
                        ReaderFailure::new(format!("The manifest holds a line that is no S3 address: {line}"))
                    })
                });
                Ok(Manifest { objects: objects.collect::<Result<_, _>>()?, config: config.clone() })
            }
            ManifestType::S3Inventory => inventory(text, config),
        }
    }
}

fn inventory(text: &str, config: &ReaderConfig) -> Result<Manifest, ReaderFailure> {
    let manifest = parse(text)
        .map_err(|error| ReaderFailure::new(format!("The inventory's manifest is not valid JSON: {error}")))?;
    let missing = |member: &str| ReaderFailure::new(format!("The inventory's manifest has no valid {member}."));
    let bucket = manifest["destinationBucket"].as_str().ok_or_else(|| missing("destinationBucket"))?;
    let bucket = bucket.rsplit(':').next().unwrap_or(bucket);
    let mut config = ReaderConfig { manifest_type: None, ..config.clone() };
    match manifest["fileFormat"].as_str() {
        Some("CSV") => {
            let schema = manifest["fileSchema"].as_str().ok_or_else(|| missing("fileSchema"))?;
            config.input_type = Some(InputType::Csv);
            config.csv_delimiter = CsvDelimiter::Comma;
            config.csv_headers = CsvHeaders::Given(schema.split(',').map(|name| Text::from(name.trim())).collect());
        }
        Some("Parquet") => config.input_type = Some(InputType::Parquet),
        Some("ORC") => {
            return Err(ReaderFailure::new(
                "The S3 inventory is in the format ORC, which cannot be read here: set the inventory to CSV or Parquet.",
            ));
        }
        _ => return Err(missing("fileFormat")),
    }
    let files = manifest["files"].as_array().ok_or_else(|| missing("files"))?;
    let objects = files.iter().map(|file: &Value| {
        file["key"].as_str().map(|key| ObjectAddress::new(bucket, key)).ok_or_else(|| missing("files"))
    });
    Ok(Manifest { objects: objects.collect::<Result<_, _>>()?, config })
}
