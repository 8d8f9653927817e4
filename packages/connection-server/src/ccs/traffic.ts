import { type CancelTimer, ChurningMap, describeError, isJsonObject } from "@cloud-messaging/core/transport";
import { CcsClientAckSchema, GCM_NAMESPACE, parseBoundedJson } from "@cloud-messaging/core/wire";
import type { Decision, IncomingMessage, Refusal, UpstreamPort, UpstreamReceiver, UpstreamStanza } from "../service.ts";
import { answerJson } from "./answer.ts";
import type { CcsContext } from "./context.ts";
import { readDownstream } from "./downstream.ts";
import type { CcsConnection, DrainOptions, ReadDownstream } from "./options.ts";
import { answerStanza, stanzaError, upstreamStanza } from "./stanzas.ts";
import { childOf, textOf, type XmlElement } from "./xml-stream.ts";

/** Above this much unread output the client is not read, and no upstream message is written to it. Implementation limit. Unit: bytes. */
export const MAX_UNREAD_BYTES = 1_048_576;

/** The connection as its traffic uses it. */
export interface CcsLink extends CcsConnection {
  /** Client, as the service named it. */
  readonly client: string | undefined;
  /** Bytes that the client has not taken yet. */
  readonly unreadBytes: number;
  /** True once the stream is being closed. */
  readonly ending: boolean;
  send(text: string): void;
  /** Ends the stream in good order. */
  end(reason: string): void;
  /** Ends the stream with a stream error. */
  fail(condition: string, detail: string): void;
  /** Stops reading until `resume()`; counts. */
  hold(): void;
  resume(): void;
  later(delayMs: number, run: () => void): CancelTimer;
}

/** A downstream message without an answer. */
interface Pending {
  readonly messageId: string;
  readonly to: string;
  readonly message?: IncomingMessage;
  /** `waiting`: for a permit, before the service has been asked. */
  state: "waiting" | "asked" | "decided";
  /** Ends the wait for the decision. */
  cancel: CancelTimer;
  /** Receipts that came before the answer, and follow it. */
  readonly receipts: string[];
}

/** Refusal that the HTTP server answers with 503. */
const REACHED_NOBODY: Refusal = {
  kind: "refused",
  code: "unavailable",
  detail: "No member of the group could be sent to",
};
const NOTHING_YET = (): void => {};

/** Traffic of a connection that is online: downstream messages and their answers, upstream messages and their acks, draining. */
export class CcsTraffic implements UpstreamPort {
  readonly #context: CcsContext;
  readonly #link: CcsLink;
  readonly #pending = new ChurningMap<string, Pending>();
  /** True while a piece is read: its answers leave together. */
  #reading = false;
  #answers = "";
  #answered: Pending[] = [];
  #receiver: UpstreamReceiver | undefined;
  #draining: { readonly nackAll: boolean; pipeline: number } | undefined;
  #quiet: CancelTimer | undefined;

  constructor(link: CcsLink, context: CcsContext) {
    this.#link = link;
    this.#context = context;
  }

  get id(): number {
    return this.#link.id;
  }

  get senderId(): string {
    return this.#link.senderId;
  }

  get draining(): boolean {
    return this.#draining !== undefined;
  }

  get accepting(): boolean {
    return !this.draining && !this.#link.ending;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get unacked(): number {
    return this.#context.bounded.attempt(() => this.#receiver?.unacked) ?? 0;
  }

  write({ json, receiptFor }: UpstreamStanza): boolean {
    // unacked, it is written again: a client that does not read need not have it many times over
    if (this.#link.ending || this.#link.unreadBytes > MAX_UNREAD_BYTES) return false;
    const stanza = upstreamStanza(json, this.senderId, this.#context.rules.domain);
    const before = receiptFor === undefined ? undefined : this.#pending.get(receiptFor);
    if (before === undefined) this.#link.send(stanza);
    else if (!before.receipts.includes(stanza)) before.receipts.push(stanza);
    this.#activity();
    return true;
  }

  /** Gives the connection to the service. */
  attach(): void {
    const { bounded, hasUpstream } = this.#context;
    this.#receiver = bounded.attempt((service) => service.attach?.(this));
    if (hasUpstream && this.#receiver === undefined) this.#link.fail("internal-server-error", "the service failed");
  }

  drain({ nack = false }: DrainOptions = {}): void {
    if (!this.accepting) return;
    const { emit, drainTimeoutMs, elementStyle } = this.#context;
    this.flush();
    this.#draining = { nackAll: nack, pipeline: this.#pending.size };
    this.#link.send(answerStanza('{"message_type":"control","control_type":"CONNECTION_DRAINING"}', elementStyle));
    emit({ type: "draining", connection: this.#link });
    this.#link.later(drainTimeoutMs, () => this.#link.end("drained: the time limit passed"));
    this.#activity();
  }

  /** Reads what came in one piece, and writes the answers that are due together. */
  readPiece(read: () => void): void {
    const outer = this.#reading;
    this.#reading = true;
    try {
      read();
    } finally {
      this.#reading = outer;
      if (!outer) this.#writeAnswers();
    }
  }

  /** Reads a `<message>`. */
  read(stanza: XmlElement): void {
    const gcm = childOf(stanza, "gcm", GCM_NAMESPACE);
    if (gcm === undefined) return; // not ours to answer
    const json = textOf(gcm);
    const { id } = stanza.attributes;
    let value: unknown;
    try {
      value = parseBoundedJson(json);
    } catch (error) {
      const problem = describeError(error);
      this.#stanzaError(id, json, `InvalidJson: JSON_PARSING_ERROR : ${problem}`);
      return;
    }
    if (!isJsonObject(value)) {
      this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : not a JSON object");
      return;
    }
    const fields: Readonly<Record<string, unknown>> = value;
    const { message_id: messageId, message_type: messageType } = fields;
    if (messageType === "ack") this.#onAck(id, json, fields);
    else if (typeof messageId === "string" && messageId !== "") this.#onDownstream(messageId, fields, json);
    else this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id");
  }

  /** Writes every answer that is decided. */
  flush(): void {
    this.#context.hooks.flush?.(this.#link);
    this.#writeAnswers();
  }

  /** Gives up the decisions under way: nothing can be answered any more. */
  abandon(): void {
    for (const pending of this.#pending.values()) this.#giveUp(pending, "the connection ended before the answer");
    this.#pending.clear();
  }

  /** The connection has ended. */
  close(): void {
    this.abandon();
    this.#context.bounded.attempt(() => this.#receiver?.detach());
    this.#receiver = undefined;
  }

  #onAck(id: string | undefined, json: string, value: Readonly<Record<string, unknown>>): void {
    const parsed = CcsClientAckSchema.safeParse(value);
    if (!parsed.success) {
      const { message_id: messageId, to } = value;
      if (typeof messageId !== "string") {
        this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id");
        return;
      }
      this.#violation(`malformed ack for ${messageId}`);
      this.#due(decidedOn(messageId, typeof to === "string" ? to : ""), { kind: "refused", code: "bad-ack" });
      return;
    }
    const { to, message_id: messageId } = parsed.data;
    this.#activity();
    const receiver = this.#receiver;
    // a service that fails is no violation of the client's
    if (receiver !== undefined && (this.#context.bounded.attempt(() => receiver.acked(to, messageId)) ?? true)) return;
    this.#violation(`ack for ${messageId}, which was not sent over this connection`);
    this.#context.emit({ type: "stanza-error", connection: this.#link });
    const text = "Received acks for messages not sent over this connection";
    this.#link.send(stanzaError(id, this.#link.jid, json, 406, "modify", "not-acceptable", text));
  }

  #onDownstream(messageId: string, value: Readonly<Record<string, unknown>>, json: string): void {
    const { hooks, rules, lenientNumbers } = this.#context;
    this.#activity();
    const earlier = this.#pending.get(messageId);
    if (earlier !== undefined) {
      this.#violation(`message_id ${messageId} is pending already`);
      this.#giveUp(earlier, "its message_id was used again");
      this.#pending.delete(messageId);
    }
    const { id: connectionId, senderId, client } = this.#link;
    const envelope = { protocol: "ccs", senderId, client, connectionId, wire: json, messageId } as const;
    const read = readDownstream(value, envelope, rules, lenientNumbers);
    const to = typeof value["to"] === "string" && value["to"] !== "" ? value["to"] : read.message.to;
    if (hooks.message === undefined) this.#process(messageId, to, read);
    else hooks.message(read, this.#link, () => this.#process(messageId, to, read));
  }

  #process(messageId: string, to: string, { message, refusal: wrong }: ReadDownstream): void {
    const { bounded, permits } = this.#context;
    const refusal = this.#refusedNow() ?? wrong;
    if (refusal !== undefined) {
      bounded.refused(message, refusal);
      this.#due(decidedOn(messageId, to), refusal);
      return;
    }
    const pending: Pending = { messageId, to, message, state: "waiting", cancel: NOTHING_YET, receipts: [] };
    this.#pending.set(messageId, pending);
    if (permits.tryAcquire()) {
      this.#submit(pending, message);
      return;
    }
    this.#link.hold();
    void permits.acquire().then(() => {
      if (pending.state === "waiting") this.#submit(pending, message);
      else permits.release(); // given up meanwhile
      this.#link.resume();
    });
  }

  #submit(pending: Pending, message: IncomingMessage): void {
    const { bounded, permits } = this.#context;
    pending.state = "asked";
    pending.cancel = bounded.submitting(message, (decision) => {
      permits.release();
      pending.state = "decided";
      this.#due(pending, decision);
    });
  }

  #giveUp(pending: Pending, reason: string): void {
    const { bounded, permits } = this.#context;
    const { state, message } = pending;
    pending.state = "decided";
    if (state !== "asked" || message === undefined) return;
    pending.cancel();
    permits.release();
    bounded.unanswered(message, reason);
  }

  /** Reason to take no message at the moment, whatever is in it. */
  #refusedNow(): Refusal | undefined {
    const { maxPending } = this.#context;
    if (this.#draining !== undefined && (this.#draining.nackAll || ++this.#draining.pipeline > maxPending)) {
      if (!this.#draining.nackAll) this.#violation("more than a window of messages came after CONNECTION_DRAINING");
      return { kind: "refused", code: "connection-draining", detail: "The connection is draining" };
    }
    if (this.#pending.size < maxPending) return undefined;
    this.#violation(`${this.#pending.size + 1} messages are pending, at most ${maxPending} may be`);
    return { kind: "refused", code: "unavailable", detail: `More than ${maxPending} messages are pending` };
  }

  #due(pending: Pending, decision: Decision): void {
    const { hooks } = this.#context;
    if (hooks.answer === undefined) this.#answer(pending, decision);
    else hooks.answer(this.#link, () => this.#answer(pending, decision));
  }

  #answer(pending: Pending, decided: Decision): void {
    if (this.#link.ending) return;
    const { bounded, emit, elementStyle, groupFailureCounts, rules } = this.#context;
    const nobody = decided.kind === "accepted" && decided.group?.success === 0 && !groupFailureCounts;
    const decision: Decision = nobody ? REACHED_NOBODY : decided;
    const jsonOf = (of: Decision): string => answerJson(pending.messageId, pending.to, of, rules.ccsRateWord);
    // a service may be written without types: what cannot be written is its failure
    const json = bounded.attempt(() => jsonOf(decision));
    const isAck = json !== undefined && decision.kind === "accepted";
    emit({ type: "answered", connection: this.#link, answer: isAck ? "ack" : "nack" });
    this.#answers += answerStanza(json ?? jsonOf({ kind: "refused", code: "internal-error" }), elementStyle);
    this.#answered.push(pending);
    if (!this.#reading) this.#writeAnswers();
  }

  #writeAnswers(): void {
    if (this.#answers === "") return;
    let text = this.#answers;
    for (const pending of this.#answered) {
      text += pending.receipts.join("");
      if (this.#pending.get(pending.messageId) === pending) this.#pending.delete(pending.messageId);
    }
    this.#answers = "";
    this.#answered = [];
    this.#link.send(text);
    this.#activity();
  }

  #stanzaError(id: string | undefined, json: string, text: string): void {
    this.#context.emit({ type: "stanza-error", connection: this.#link });
    this.#link.send(stanzaError(id, this.#link.jid, json, 400, "modify", "bad-request", text));
  }

  #violation(detail: string): void {
    this.#context.emit({ type: "violation", connection: this.#link, detail });
  }

  /** While draining: when nothing has moved for a while and nothing is pending, it is done. */
  #activity(): void {
    if (this.#draining === undefined) return;
    this.#quiet?.();
    this.#quiet = this.#link.later(this.#context.drainQuietMs, () => {
      if (this.#pending.size === 0 && this.unacked === 0) this.#link.end("drained");
    });
  }
}

/** An answer without a message under decision. */
function decidedOn(messageId: string, to: string): Pending {
  return { messageId, to, state: "decided", cancel: NOTHING_YET, receipts: [] };
}
