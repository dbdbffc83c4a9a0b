import { trace, type TracerProvider } from '@opentelemetry/api';
import type { MessageEngine } from '../../engine/index.js';
import type { EngineInstrumentation } from '../../rocket.instrumentation.js';
import { ConsumerSpans } from './consumer-spans.js';
import { overlay } from './overlay.js';
import { ProducerSpans } from './producer-spans.js';

/** How spans are made. */
export interface RocketOpenTelemetryOptions {
  /** Default: the one that the app's OpenTelemetry SDK has registered; without one, nothing is traced. */
  readonly tracerProvider?: TracerProvider | undefined;
  /**
   * True (default): the span of a handler belongs to the trace of the send, as its child. False: it begins a trace of its own. In both cases it is linked to
   * the span of the send. Handlers of batches always begin their own.
   */
  readonly joinProducerTrace?: boolean | undefined;
}

/**
 * Traces sends and handlers with OpenTelemetry: the option `instrumentation` of `RocketModule`. The context travels in the properties of messages, so it
 * survives delays, retries and restarts. Spans follow the semantic conventions for messaging; see docs/observability.md.
 *
 * @example
 * ```ts
 * RocketModule.forRoot({ instrumentation: new RocketOpenTelemetry() });
 * ```
 *
 * @publicApi
 */
export class RocketOpenTelemetry implements EngineInstrumentation {
  readonly #options: RocketOpenTelemetryOptions;

  constructor(options: RocketOpenTelemetryOptions = {}) {
    this.#options = options;
  }

  /** Of an engine that no module has, too. */
  instrument(engine: MessageEngine): MessageEngine {
    const { tracerProvider = trace.getTracerProvider(), joinProducerTrace = true } = this.#options;
    const tracer = tracerProvider.getTracer('nestjs-rocket');
    const { send, sendBatch, sendHalf, request } = new ProducerSpans(tracer, engine);
    const { subscribe, createPullConsumer } = new ConsumerSpans(tracer, engine, { joinProducerTrace });
    return overlay(engine, { send, sendBatch, sendHalf, request, subscribe, createPullConsumer });
  }
}
