//! Logs and traces. Logs go to standard error; traces by OTLP where that is configured.

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::settings::{LogFormat, TelemetrySettings};

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What has to be flushed before the process ends.
#[derive(Debug)]
#[must_use = "traces are lost without its shutdown"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts logs and traces for the process; call it once, in the runtime.
///
/// # Errors
/// The filter is malformed, the exporter cannot be built, or somebody was first.
pub fn init(settings: &TelemetrySettings) -> anyhow::Result<Telemetry> {
    // The driver tells each attempt to reach a broker that is away; the health of the bus
    // tells each change.
    let quiet = if settings.log_filter.contains("async_nats") { "" } else { "async_nats=warn," };
    let filter = EnvFilter::try_new(format!("{quiet}{}", settings.log_filter))
        .with_context(|| format!("telemetry.log_filter = {:?}", settings.log_filter))?;
    let lines: BoxedLayer = match settings.log_format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).with_filter(filter).boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            // All spans: what a call of another role logs stands below the request's span,
            // which has the request id.
            .with_current_span(false)
            .with_span_list(true)
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed(),
    };
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = tracer_provider(settings)?;
    // Spans exist, and trace ids with them, whether or not somebody collects them.
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("florin"))
        .with_filter(EnvFilter::new("info,h2=off,hyper=off,tonic=off,tower=off"))
        .boxed();
    // The span of an applied event goes on in the trace of the request that caused it.
    florin_events::link_traces(|span, traceparent| {
        if let Some(parent) = florin_rpc::TraceParent::parse(traceparent) {
            parent.adopt(span);
        }
    });
    let layers: Vec<BoxedLayer> = vec![lines, spans];
    tracing_subscriber::registry().with(layers).try_init().context("logs were started before")?;
    Ok(Telemetry { provider: Some(provider) })
}

fn tracer_provider(settings: &TelemetrySettings) -> anyhow::Result<SdkTracerProvider> {
    let resource = Resource::builder().with_service_name("florin").build();
    let percent = settings.trace_percent.min(100);
    #[expect(clippy::float_arithmetic, reason = "OpenTelemetry's sampler takes a ratio")]
    let ratio = f64::from(percent) / 100.0;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    let mut builder = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
    if !settings.otlp_endpoint.is_empty() {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&settings.otlp_endpoint)
            .build()
            .with_context(|| format!("telemetry.otlp_endpoint = {:?}", settings.otlp_endpoint))?;
        builder = builder.with_batch_exporter(exporter);
    }
    Ok(builder.build())
}

impl Telemetry {
    /// Sends what is left. The exporter blocks, so a thread of its own waits for it.
    pub async fn shutdown(mut self) {
        let Some(provider) = self.provider.take() else { return };
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = flushed {
            tracing::debug!(%error, "traces could not be flushed");
        }
    }
}
