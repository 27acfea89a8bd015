//! The results of a Map Run: the state's output, or files in the object store. Both
//! are made from what is stored of the children, in the order of the items, so that a
//! restart in the middle only makes them once more.

use std::sync::Arc;

use bytes::Bytes;
use windlass_item_reader::{
    ChildResult, OutputType, ResultFiles, ResultGroup, ResultWriter, WriterConfig, manifest, manifest_key, result_key,
    state_output, written_output,
};
use windlass_store::{ColumnValue, IndexScan, Scan};
use windlass_value::{Payload, Text, Value};
use windlass_workflow::{MapRunFailure, ResultWriting, Status};

use super::child::{ExpressChild, child_key, child_name, map_run_parts};
use super::objects::Objects;
use super::spec::Spec;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::record::Record;
use crate::tables::{EXECUTIONS, MAP_RUN_CHILDREN};

/// Children read at once.
const PAGE_CHILDREN: usize = 500;
/// Bytes of a part of an upload; S3 takes at least 5 MiB for all but the last.
const PART_BYTES: usize = 8 << 20;

/// How much longer outputs may be as they are stored than in the results: collecting
/// ends there, whatever they are.
const BLANKS_FACTOR: usize = 4;

/// What a Map Run ends with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    /// Children in exported results.
    pub(crate) results: u64,
    /// Their items.
    pub(crate) items: u64,
    /// The state's result; `None` for a Map Run that fails.
    pub(crate) output: Option<Payload>,
}

fn writer_failed(cause: impl Into<Text>) -> MapRunFailure {
    MapRunFailure { error: "States.ResultWriterFailed".into(), cause: Some(cause.into()) }
}

fn too_large(state: &str) -> MapRunFailure {
    let cause = format!(
        "The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    MapRunFailure { error: "States.DataLimitExceeded".into(), cause: Some(cause.into()) }
}

fn unreadable(error: &JournalError) -> MapRunFailure {
    writer_failed(format!("The results of the child executions could not be read: {error}"))
}

/// A child that ended, with its number and its items.
struct Ended {
    index: u64,
    items: u64,
    result: ChildResult,
}

/// Where exported results go.
struct Destination {
    bucket: Text,
    prefix: String,
}

impl Destination {
    fn of(writing: &ResultWriting) -> Result<Option<Destination>, MapRunFailure> {
        let Some(arguments) = &writing.arguments else { return Ok(None) };
        let text = |member: &str| arguments.get(member).and_then(Value::as_str);
        let bucket = text("Bucket").filter(|bucket| !bucket.is_empty());
        let bucket = bucket.ok_or_else(|| writer_failed("Bucket must be specified."))?;
        Ok(Some(Destination { bucket: bucket.into(), prefix: text("Prefix").unwrap_or_default().to_owned() }))
    }
}

/// Collects or writes the results. `is_failed`: nobody will see an output.
pub(super) async fn write_results(
    journal: &Journal,
    spec: &Arc<Spec>,
    objects: Option<Arc<dyn Objects>>,
    is_failed: bool,
) -> Result<Written, MapRunFailure> {
    let writing = spec.plan.writing.as_ref();
    let destination = writing.map(Destination::of).transpose()?.flatten();
    let config = WriterConfig::from_value(writing.map(|writing| &writing.config), destination.is_some())
        .map_err(|failure| writer_failed(failure.cause))?;
    match destination {
        Some(destination) => {
            let objects = objects.ok_or_else(|| writer_failed("This server has no object store to write to."))?;
            export(journal, spec, objects.as_ref(), &destination, config).await
        }
        None if is_failed => Ok(Written::default()),
        None => collect(journal, spec, config).await,
    }
}

/// The output of a Map Run whose results are written already.
pub(super) async fn output_of(journal: &Journal, spec: &Arc<Spec>) -> Result<Payload, MapRunFailure> {
    let writing = spec.plan.writing.as_ref();
    if let Some(destination) = writing.map(Destination::of).transpose()?.flatten() {
        return Ok(Payload::from_value(exported_output(spec, &destination)));
    }
    let config = WriterConfig::from_value(writing.map(|writing| &writing.config), false)
        .map_err(|failure| writer_failed(failure.cause))?;
    let written = collect(journal, spec, config).await?;
    written.output.ok_or_else(|| writer_failed("There is no output."))
}

fn map_run_id(spec: &Spec) -> &str {
    map_run_parts(&spec.plan.arn).map_or("", |(_, _, id)| id)
}

fn exported_output(spec: &Spec, destination: &Destination) -> Value {
    let key = manifest_key(&destination.prefix, map_run_id(spec));
    written_output(&spec.plan.arn, &destination.bucket, &key)
}

/// The children's outputs as one array, unless it is larger than a payload may be.
async fn collect(journal: &Journal, spec: &Arc<Spec>, config: WriterConfig) -> Result<Written, MapRunFailure> {
    let mut children: Vec<ChildResult> = Vec::new();
    let mut bytes = 0_usize;
    let mut after = None;
    loop {
        let page = children_after(journal, spec, after, PAGE_CHILDREN).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        for child in page {
            // Texts may hold blanks that the result does not have; the exact check is below.
            bytes += child.result.output.as_ref().map_or(1, |output| output.len() + 1);
            if bytes > spec.payload_bytes_max * BLANKS_FACTOR {
                return Err(too_large(&spec.plan.state));
            }
            children.push(child.result);
        }
    }
    let output = state_output(&children, config).map_err(|failure| writer_failed(failure.cause))?;
    let output = Payload::from_value(output);
    match output.bytes_len_within(spec.payload_bytes_max) {
        Some(_) => Ok(Written { output: Some(output), ..Written::default() }),
        None => Err(too_large(&spec.plan.state)),
    }
}

/// Writes a file or more for each group that has children, then the manifest.
async fn export(
    journal: &Journal,
    spec: &Arc<Spec>,
    objects: &dyn Objects,
    destination: &Destination,
    config: WriterConfig,
) -> Result<Written, MapRunFailure> {
    let mut groups: Vec<GroupFiles<'_>> = [ResultGroup::Failed, ResultGroup::Succeeded]
        .into_iter()
        .map(|group| GroupFiles {
            group,
            writer: ResultWriter::new(group, config, ResultFiles::default()),
            objects,
            destination,
            map_run_id: map_run_id(spec),
            output_type: config.output_type,
            open: OpenFile::default(),
        })
        .collect();
    let (mut results, mut items) = (0, 0);
    let mut after = None;
    loop {
        let page = children_after(journal, spec, after, PAGE_CHILDREN).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        for child in page {
            results += 1;
            items += child.items;
            let is_succeeded = &*child.result.status == Status::Succeeded.as_str();
            let files = &mut groups[usize::from(is_succeeded)];
            files.add(&child.result).await?;
        }
    }
    let mut written: Vec<(ResultGroup, Vec<(String, u64)>)> = Vec::new();
    for mut files in groups {
        files.finish().await?;
        written.push((files.group, files.written()));
    }
    let of_group = |group: ResultGroup| {
        let found = written.iter().find(|(written, _)| *written == group);
        found.map_or_else(Vec::new, |(_, files)| files.clone())
    };
    let document = manifest(&destination.bucket, &spec.plan.arn, of_group).to_text();
    let key = manifest_key(&destination.prefix, map_run_id(spec));
    objects.put(&destination.bucket, &key, document.into()).await.map_err(writer_failed)?;
    Ok(Written { results, items, output: Some(Payload::from_value(exported_output(spec, destination))) })
}

/// The file of a group that is being written.
#[derive(Default)]
struct OpenFile {
    content: Vec<u8>,
    upload: Option<Text>,
    etags: Vec<Text>,
}

/// The files of one group.
struct GroupFiles<'a> {
    group: ResultGroup,
    writer: ResultWriter,
    objects: &'a dyn Objects,
    destination: &'a Destination,
    map_run_id: &'a str,
    output_type: OutputType,
    open: OpenFile,
}

impl GroupFiles<'_> {
    fn key(&self, file: u32) -> String {
        result_key(&self.destination.prefix, self.map_run_id, self.group, file, self.output_type)
    }

    async fn add(&mut self, child: &ChildResult) -> Result<(), MapRunFailure> {
        let pieces = self.writer.entry(child).map_err(|failure| writer_failed(failure.cause))?;
        for piece in pieces {
            self.take(piece.file, &piece.bytes, piece.closes).await?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), MapRunFailure> {
        match self.writer.close() {
            Some(piece) => self.take(piece.file, &piece.bytes, true).await,
            None => Ok(()),
        }
    }

    /// The keys and lengths of all files.
    fn written(&self) -> Vec<(String, u64)> {
        let closed = self.writer.files().closed_bytes.iter().enumerate();
        closed.map(|(file, bytes)| (self.key(file as u32), *bytes)).collect()
    }

    async fn take(&mut self, file: u32, bytes: &[u8], closes: bool) -> Result<(), MapRunFailure> {
        self.open.content.extend_from_slice(bytes);
        if !closes && self.open.content.len() < PART_BYTES {
            return Ok(());
        }
        let taken = self.write(file, closes).await;
        if taken.is_err()
            && let Some(upload) = self.open.upload.take()
        {
            // What cannot be removed either is the bucket's lifecycle's.
            let _ = self.objects.abort_upload(&self.destination.bucket, &self.key(file), &upload).await;
        }
        taken
    }

    async fn write(&mut self, file: u32, closes: bool) -> Result<(), MapRunFailure> {
        let (objects, bucket, key) = (self.objects, &*self.destination.bucket, self.key(file));
        let content: Bytes = std::mem::take(&mut self.open.content).into();
        if closes && self.open.upload.is_none() {
            return objects.put(bucket, &key, content).await.map_err(writer_failed);
        }
        let upload = match &self.open.upload {
            Some(upload) => upload.clone(),
            None => objects.create_upload(bucket, &key).await.map_err(writer_failed)?,
        };
        self.open.upload = Some(upload.clone());
        if !content.is_empty() {
            let number = self.open.etags.len() as u32 + 1;
            let etag = objects.upload_part(bucket, &key, &upload, number, content).await.map_err(writer_failed)?;
            self.open.etags.push(etag);
        }
        if closes {
            let etags = std::mem::take(&mut self.open.etags);
            objects.complete_upload(bucket, &key, &upload, &etags).await.map_err(writer_failed)?;
            self.open.upload = None;
        }
        Ok(())
    }
}

/// Children that ended, behind a number. Reading may touch the disk, so it leaves the
/// runtime's threads.
async fn children_after(
    journal: &Journal,
    spec: &Arc<Spec>,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<Ended>, MapRunFailure> {
    let (journal, spec) = (journal.clone(), spec.clone());
    let read = move || match spec.plan.express {
        true => express_children(&journal, &spec, after, limit),
        false => standard_children(&journal, &spec, after, limit),
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or(Err(JournalError::Stopping)).map_err(|error| unreadable(&error))
}

fn redrive_status(status: Status) -> (Text, Option<Text>) {
    match status {
        Status::Succeeded | Status::Running => {
            let reason = format!("Execution is {} and cannot be redriven", status.as_str());
            ("NOT_REDRIVABLE".into(), Some(reason.into()))
        }
        Status::Failed | Status::TimedOut | Status::Aborted => ("REDRIVABLE_BY_MAP_RUN".into(), None),
    }
}

fn express_children(
    journal: &Journal,
    spec: &Spec,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<Ended>, JournalError> {
    let row = spec.key.row();
    let mut scan = Scan::prefix(&row, limit);
    if let Some(after) = after {
        scan = scan.after(windlass_store::Position { columns: Vec::new(), key: child_key(&row, after) });
    }
    let rows = journal.store().scan(&MAP_RUN_CHILDREN, scan)?;
    let ended = |row| -> Result<Ended, JournalError> {
        let child = ExpressChild::read(row)?;
        let name = child_name(&spec.plan.arn, child.index);
        let (redrive_status, redrive_status_reason) = redrive_status(child.status);
        Ok(Ended {
            index: child.index,
            items: child.items,
            result: ChildResult {
                execution_arn: spec.child_arn(child.index),
                name,
                state_machine_arn: spec.origin.machine_arn.as_str().into(),
                status: child.status.as_str().into(),
                input: (&**child.input.text()).into(),
                output: child.output.as_ref().map(|output| (&**output.text()).into()),
                error: child.error,
                cause: child.cause,
                redrive_count: child.redrive_count.into(),
                redrive_status,
                redrive_status_reason,
                start_date: Some(child.started_at),
                stop_date: Some(child.stopped_at),
            },
        })
    };
    rows.iter().map(ended).collect()
}

fn standard_children(
    journal: &Journal,
    spec: &Spec,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<Ended>, JournalError> {
    let first = after.map_or(0, |after| after + 1);
    let index = IndexScan::new("by_map_run")
        .equal(&*spec.plan.arn)
        .at_least(ColumnValue::Integer(i64::try_from(first).unwrap_or(i64::MAX)));
    let rows = journal.store().scan(&EXECUTIONS, Scan::index(index, limit))?;
    let mut children = Vec::with_capacity(rows.len());
    for row in &rows {
        let record = Record::read(row)?;
        let Some(child) = record.child_of.clone() else { continue };
        let (input, output) = journal.data(&record)?;
        let (redrive_status, redrive_status_reason) = redrive_status(record.status);
        children.push(Ended {
            index: child.index,
            items: child.items,
            result: ChildResult {
                execution_arn: record.arn.clone(),
                name: record.name.clone(),
                state_machine_arn: record.machine_arn.clone(),
                status: record.status.as_str().into(),
                input: (&**input.text()).into(),
                output: output.as_ref().map(|output| (&**output.text()).into()),
                error: record.error.clone(),
                cause: record.cause.clone(),
                redrive_count: 0,
                redrive_status,
                redrive_status_reason,
                start_date: Some(record.started_at),
                stop_date: record.stopped_at,
            },
        });
    }
    Ok(children)
}
