use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_outgoing::{Guard, Outgoing, SendLimits};
use windlass_stepfunctions::{Span, SpanSink};

use super::{json, protobuf};
use crate::tracing_settings::{OtlpProtocol, TracingSettings};

/// How often one export is tried while the collector says that it may pass.
const ATTEMPTS_MAX: u32 = 5;
const PAUSE_MS: u64 = 500;
/// What a collector answers is a few words at most.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// Sends spans to a collector, many at once, from a bounded queue.
pub(crate) struct SpanExporter {
    settings: TracingSettings,
    outgoing: Outgoing,
    queue: Mutex<Vec<Span>>,
    wake: Notify,
    ended: Notify,
    stopping: AtomicBool,
    running: AtomicBool,
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl SpanExporter {
    /// # Errors
    /// The certificates of `[outgoing]` cannot be read.
    pub(crate) fn new(settings: TracingSettings, authorities: Option<&[u8]>) -> Result<Arc<SpanExporter>, String> {
        // The operator names the collector, which is mostly on this machine.
        let outgoing =
            Outgoing::new(Guard::trusting(), authorities).map_err(|error| format!("outgoing.ca_file: {error}"))?;
        Ok(Arc::new(SpanExporter {
            settings,
            outgoing,
            queue: Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
            stopping: AtomicBool::new(false),
            running: AtomicBool::new(false),
            exported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }))
    }

    /// Values for metrics: name, help, value.
    pub(crate) fn measure(&self) -> Vec<(&'static str, &'static str, f64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        vec![
            ("windlass_traces_spans_exported", "Spans a collector took since the start", count(&self.exported)),
            ("windlass_traces_spans_dropped", "Spans no collector took since the start", count(&self.dropped)),
        ]
    }

    /// Begins to send. Call within a runtime.
    pub(crate) fn start(self: &Arc<SpanExporter>) {
        self.running.store(true, Ordering::Release);
        let exporter = self.clone();
        tokio::spawn(async move {
            exporter.work().await;
            exporter.running.store(false, Ordering::Release);
            exporter.ended.notify_waiters();
        });
    }

    /// Sends what waits, and ends.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        loop {
            let ended = self.ended.notified();
            self.wake.notify_one();
            if !self.running.load(Ordering::Acquire) {
                return;
            }
            ended.await;
        }
    }

    async fn work(&self) {
        loop {
            let spans = {
                let mut queue = self.queue.lock();
                let upto = queue.len().min(self.settings.batch_max);
                queue.drain(..upto).collect::<Vec<_>>()
            };
            if spans.is_empty() {
                if self.stopping.load(Ordering::Acquire) {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(self.settings.delay_ms)) => {}
                    () = self.wake.notified() => {}
                }
                continue;
            }
            let count = spans.len() as u64;
            match self.export(&spans).await {
                Ok(()) => self.exported.fetch_add(count, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(endpoint = %self.settings.endpoint, error, count, "spans could not be exported");
                    self.dropped.fetch_add(count, Ordering::Relaxed)
                }
            };
        }
    }

    async fn export(&self, spans: &[Span]) -> Result<(), String> {
        let settings = &self.settings;
        let (media, body) = match settings.protocol {
            OtlpProtocol::Protobuf => {
                ("application/x-protobuf", Bytes::from(protobuf::encode(&settings.resource, spans)))
            }
            OtlpProtocol::Json => ("application/json", Bytes::from(json::encode(&settings.resource, spans))),
        };
        let limits = SendLimits {
            timeout: Duration::from_millis(settings.timeout_ms),
            response_bytes_max: RESPONSE_BYTES_MAX,
            redirects_max: 0,
        };
        let mut attempt = 1;
        loop {
            let mut request = Request::post(&settings.endpoint).header(CONTENT_TYPE, media);
            for (name, value) in &settings.headers {
                let mut value = HeaderValue::from_str(value.reveal()).map_err(|error| error.to_string())?;
                value.set_sensitive(true);
                request = request.header(name, value);
            }
            let request = request.body(body.clone()).map_err(|error| error.to_string())?;
            let (error, passes) = match self.outgoing.send(request, &limits).await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    (format!("the collector answers {status}"), matches!(status, 429 | 502 | 503 | 504))
                }
                Err(error) => (error.to_string(), true),
            };
            let is_last = attempt >= ATTEMPTS_MAX || self.stopping.load(Ordering::Acquire);
            if !passes || is_last {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS << attempt)).await;
            attempt += 1;
        }
    }
}

impl SpanSink for SpanExporter {
    fn take(&self, spans: Vec<Span>) {
        let mut queue = self.queue.lock();
        let room = self.settings.queue_max.saturating_sub(queue.len());
        let dropped = spans.len().saturating_sub(room);
        queue.extend(spans.into_iter().take(room));
        let is_full = queue.len() >= self.settings.batch_max;
        drop(queue);
        if dropped > 0 {
            self.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        }
        if is_full {
            self.wake.notify_one();
        }
    }
}
