import type { CloudMessagingOperations, OperationName } from "@cloud-messaging/core";
import { operationChannel } from "@cloud-messaging/core";
import type {
  ClaimOperation,
  EnqueueOperation,
  OperationBase,
  UpstreamOperation,
} from "@cloud-messaging/core/transport";
import {
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { OwnAttributes } from "./attributes.ts";
import { ContextStore } from "./context-store.ts";
import { errorType, kept } from "./errors.ts";
import { deliveryOf, SPANS, type SpanRule } from "./spans.ts";

/** A span under way, with the context that has it as its active span. */
interface Open {
  readonly span: Span;
  readonly context: Context;
}

/** The relation of a new span to others. */
interface Place {
  readonly parent: Context;
  readonly links?: readonly Link[];
}

/** Makes spans of operations, from `start` to `stop`. */
export class Traces {
  readonly #tracer: () => Tracer;
  readonly #store = new ContextStore();
  readonly #open = new WeakMap<object, Open>();
  readonly #stops: (() => void)[] = [];

  constructor(tracer: () => Tracer) {
    this.#tracer = tracer;
  }

  start(): void {
    for (const name of Object.keys(SPANS) as OperationName[]) this.#follow(name);
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #follow<N extends OperationName>(name: N): void {
    type O = CloudMessagingOperations[N];
    // the table has for each name the rule of its operation
    const rule = SPANS[name] as unknown as SpanRule<O>;
    const { start, asyncEnd } = operationChannel(name);
    const end = (operation: unknown): void => this.#end(rule, operation as O);
    start.bindStore(this.#store, (operation: unknown) => this.#begin(name, rule, operation as O));
    asyncEnd.subscribe(end);
    this.#stops.push(() => {
      start.unbindStore(this.#store);
      asyncEnd.unsubscribe(end);
    });
  }

  #begin<O extends OperationBase>(name: OperationName, rule: SpanRule<O>, operation: O): Context {
    const { parent, links } = this.#placeOf(name, operation);
    const span = this.#tracer().startSpan(
      rule.name(operation),
      {
        kind: rule.kind,
        attributes: kept(rule.begun(operation)),
        ...(links === undefined ? {} : { links: [...links] }),
      },
      parent,
    );
    const own = trace.setSpan(parent, span);
    this.#open.set(operation, { span, context: own });
    // an operation is of the type that its name says
    if (name === "cloud-messaging:outbox-enqueue") carry(own, operation as unknown as EnqueueOperation);
    return own;
  }

  #placeOf(name: OperationName, operation: OperationBase): Place {
    if (name === "cloud-messaging:outbox-claim") return placeOfClaim(operation as ClaimOperation);
    if (name === "cloud-messaging:upstream") return this.#received(operation as UpstreamOperation);
    const { parent } = operation;
    return { parent: (parent && this.#open.get(parent)?.context) ?? context.active() };
  }

  /** The span of the arrival, up to the call of the handler, which links to it. */
  #received(operation: UpstreamOperation): Place {
    const attributes: OwnAttributes = {
      ...deliveryOf(operation),
      "messaging.operation.name": "receive",
      "messaging.operation.type": "receive",
    };
    const span = this.#tracer().startSpan(
      `receive ${operation.transport}`,
      { kind: SpanKind.CONSUMER, startTime: operation.receivedAt, attributes: kept(attributes) },
      ROOT_CONTEXT,
    );
    span.end();
    return { parent: trace.setSpan(ROOT_CONTEXT, span), links: [{ context: span.spanContext() }] };
  }

  #end<O extends OperationBase>(rule: SpanRule<O>, operation: O): void {
    const open = this.#open.get(operation);
    if (open === undefined) return;
    this.#open.delete(operation);
    const attributes = rule.ended(operation);
    const error = operation.error === undefined ? attributes["error.type"] : errorType(operation.error);
    open.span.setAttributes(kept({ ...attributes, "error.type": error }));
    // without a message: those of handlers may hold anything
    if (error !== undefined) open.span.setStatus({ code: SpanStatusCode.ERROR });
    open.span.end();
  }
}

/**
 * A message of one chunk goes on in the trace that enqueued it; each chunk of a campaign begins one of its own, since a trace of a million
 * attempts can be read by nobody. Both link to the enqueue.
 */
function placeOfClaim({ carrier, only }: ClaimOperation): Place {
  if (carrier === undefined) return { parent: ROOT_CONTEXT };
  const stored = propagation.extract(ROOT_CONTEXT, carrier);
  const enqueued = trace.getSpanContext(stored);
  if (enqueued === undefined) return { parent: ROOT_CONTEXT };
  return { parent: only ? stored : ROOT_CONTEXT, links: [{ context: enqueued }] };
}

/** Gives the trace context to what is stored. */
function carry(own: Context, operation: EnqueueOperation): void {
  const carrier: Record<string, string> = {};
  propagation.inject(own, carrier);
  operation.carrier = carrier;
}
