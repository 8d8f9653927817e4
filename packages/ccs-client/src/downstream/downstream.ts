import type { DownstreamMessage, ErrorCode, RecipientOutcome, SendReport } from "@cloud-messaging/core";
import {
  type AttemptOptions,
  ambiguousOutcome,
  ChurningMap,
  createMessageIds,
  defined,
  earlier,
  failureOutcome,
  type MonotonicInstant,
  NEVER,
  onAbort,
  publish,
  recipientsOf,
  withUnansweredCopies,
} from "@cloud-messaging/core/transport";
import type { AckFrame, NackFrame } from "@cloud-messaging/core/wire";
import type { AnswerReceiver, Connection } from "../connection/connection.ts";
import type { Refusal } from "../connection/connection-state.ts";
import type { ResolvedCcsOptions } from "../options.ts";
import { Waiters } from "../waiters.ts";
import { messageStanza, type StanzaError } from "../xmpp/stanza.ts";
import { type AnsweredWrite, ackOutcome, nackCode, nackOutcome, redacted, stanzaErrorOutcome } from "./codec.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import { Doubts } from "./doubts.ts";
import { dueAt, isPendingElsewhere, type Outgoing, type Outlet, SendInProgress } from "./outgoing.ts";
import type { PendingSlot } from "./pending-window.ts";
import { WaitingLine } from "./waiting-line.ts";

/**
 * Downstream messages from `send` to their outcome: waiting for capacity, in flight on a connection, waiting again if it was lost. Each
 * message gets exactly one outcome. All protocol rules about answers are here.
 */
export class Downstream implements AnswerReceiver<Outgoing> {
  readonly #options: ResolvedCcsOptions;
  readonly #outlet: Outlet;
  /** Creates an ID for a message without one. */
  readonly createMessageId: () => string;
  readonly #line = new WaitingLine<Outgoing>();
  /** Messages without an outcome, by ID. */
  readonly #unsettled = new ChurningMap<string, Outgoing>();
  readonly #idleWaiters = new Waiters();
  /** Unanswered copies of messages that are between two attempts. */
  readonly #doubts = new Doubts();
  readonly #deadlines: DeadlineTimer;
  /** Reason for which no connection can come about; nothing is written once it is set. */
  #refusal: { readonly code: Refusal["code"]; readonly detail: string } | undefined;
  #sequence = 0;

  constructor(options: ResolvedCcsOptions, outlet: Outlet) {
    this.#options = options;
    this.#outlet = outlet;
    this.createMessageId = createMessageIds(options.random);
    this.#deadlines = new DeadlineTimer(options.clock, (now) => this.#sweep(now));
  }

  /** Number of messages waiting for capacity. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Number of messages without an outcome. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** True if the ID belongs to a message without an outcome. */
  has(id: string): boolean {
    return this.#unsettled.has(id);
  }

  /** Makes one attempt; see `DownstreamTransport.send`. */
  send(message: DownstreamMessage, options: AttemptOptions): Promise<SendReport> {
    const recipients = recipientsOf(message.target);
    const { signal, messageIds } = options;
    const now = this.#options.clock.monotonic();
    let resolve: (report: SendReport) => void = () => undefined;
    const report = new Promise<SendReport>((resolveReport) => {
      resolve = resolveReport;
    });
    const send = new SendInProgress(message, options, recipients.length, resolve);
    const entries = this.#entriesFor(recipients, messageIds, send);
    const giveUp = (code: ErrorCode, detail: string): void => {
      for (const entry of entries) this.#giveUp(entry, code, detail);
    };
    if (signal?.aborted) giveUp("aborted", "the caller's signal aborted");
    else if (send.deadline <= now) giveUp("timeout", "its deadline had passed already");
    else {
      if (send.unsettled > 0) send.release = onAbort(signal, () => giveUp("aborted", "the caller's signal aborted"));
      this.#deadlines.watch(earlier(send.deadline, send.endsAt));
      for (const entry of entries) this.#line.add(entry);
      this.#pump(now);
    }
    return report;
  }

  /** Writes waiting messages as far as connections have capacity. */
  pump(): void {
    if (this.#line.size > 0) this.#pump(this.#options.clock.monotonic());
  }

  #pump(now: MonotonicInstant): void {
    let next: Outgoing | undefined;
    for (let entry = this.#line.first; entry !== undefined; entry = next) {
      // read before the entry leaves the line, which clears it
      next = entry.next;
      if (this.#refusal !== undefined) {
        this.#giveUp(entry, this.#refusal.code, this.#refusal.detail);
        // a listener of the caller's was called, which may have sent or aborted others
        next = this.#line.first;
        continue;
      }
      const connection = this.#outlet.pick(entry.id);
      if (connection === undefined) {
        if (!this.#outlet.accepting) return;
        // its ID is in use on every connection with capacity; messages behind it are not blocked by that
        continue;
      }
      const json = entry.send.jsonTo(entry.recipient, entry.id, now);
      if (json === undefined) {
        this.#expire(entry);
        next = this.#line.first;
        continue;
      }
      this.#line.remove(entry);
      entry.connection = connection;
      entry.sentAt = connection.send(entry.id, messageStanza(entry.id, json), entry, now);
    }
  }

  acked(connection: Connection<Outgoing>, ack: AckFrame): void {
    const slot = connection.window.settle(ack.messageId);
    if (slot === undefined) {
      this.#strayAnswer("ack", ack.messageId);
      return;
    }
    connection.markAnswered();
    // also for a copy that expired on this connection while another is in flight elsewhere, and of an attempt before the present one
    const entry = slot.value.settled ? this.#unsettled.get(ack.messageId) : slot.value;
    const sentAt = slot.writtenAt;
    if (entry !== undefined) {
      // other copies: those that expired, and one in flight on another connection
      const others = entry.doubts - (slot.expired ? 1 : 0) + (isPendingElsewhere(entry, connection) ? 1 : 0);
      this.#settle(entry, withUnansweredCopies(ackOutcome(ack, { recipient: entry.recipient, sentAt }), others));
    } else this.#doubts.accepted(ack.messageId, { ack, sentAt });
    this.pump();
  }

  nacked(connection: Connection<Outgoing>, nack: NackFrame): void {
    const slot = connection.window.settle(nack.messageId);
    if (slot === undefined) {
      this.#strayAnswer("nack", nack.messageId);
      return;
    }
    const code = nackCode(nack);
    const entry = this.#unsettled.get(nack.messageId);
    if (slot.expired) this.#doubtResolved(slot.id, entry);
    if (code === "connection-draining") {
      connection.drain("nack");
      if (entry !== undefined && (entry.connection === connection || entry.connection === undefined)) {
        this.#lineUp(entry);
        this.#publishResend(connection, 1, "nack");
      }
    } else {
      connection.markAnswered();
      this.#turnedDown(connection, slot, (write) => nackOutcome(redacted(nack, this.#options.redact), code, write));
    }
    this.pump();
  }

  stanzaError(connection: Connection<Outgoing>, error: StanzaError): void {
    const id = error.messageIds.find((messageId) => connection.window.has(messageId));
    const slot = id === undefined ? undefined : connection.window.settle(id);
    if (slot === undefined) {
      // 406: CCS rejected one of our acknowledgements; it can only be reported
      publish("cloud-messaging:notice", () => ({
        transport: "ccs",
        notice: "stanza-error",
        detail: `${error.code ?? ""} ${error.condition}: ${error.text ?? "no text"}`.trim(),
      }));
      return;
    }
    if (slot.expired) this.#doubtResolved(slot.id, this.#unsettled.get(slot.id));
    this.#turnedDown(connection, slot, (write) => stanzaErrorOutcome(error, write));
    this.pump();
  }

  /** Resends messages that exceeded `ackTimeoutMs` on another connection, or ends them as ambiguous, by the caller's policy. */
  expired(connection: Connection<Outgoing>, slots: readonly PendingSlot<Outgoing>[]): void {
    this.#unanswered(connection, slots, "timeout", `not answered within ${this.#options.ackTimeoutMs} ms`);
  }

  /** Resends or ends the messages that were pending on a connection that has ended. */
  lost(connection: Connection<Outgoing>, reason: string): void {
    this.#unanswered(connection, connection.window.failAll(), "connection-lost", reason);
  }

  /** Ends unwritten messages, present and future, since no connection can come about. Written ones may still be answered. */
  refuse(code: Refusal["code"], detail: string): void {
    this.#refusal = { code, detail };
    this.pump();
  }

  /** Ends every message without an outcome. */
  failAll(code: ErrorCode, detail: string): void {
    for (const entry of [...this.#unsettled.values()]) this.#giveUp(entry, code, detail);
    this.#deadlines.stop();
  }

  /** Resolves when every message has its outcome, and when the signal aborts. */
  idle(signal: AbortSignal | undefined): Promise<void> {
    return this.#unsettled.size === 0 ? Promise.resolve() : this.#idleWaiters.wait(signal);
  }

  #entriesFor(
    recipients: readonly string[],
    messageIds: readonly string[] | undefined,
    send: SendInProgress,
  ): Outgoing[] {
    const ownId = recipients.length === 1 ? send.message.messageId : undefined;
    const entries: Outgoing[] = [];
    for (let position = 0; position < recipients.length; position++) {
      const recipient = recipients[position] as string;
      const id = messageIds?.[position] ?? ownId ?? this.createMessageId();
      if (this.#unsettled.has(id)) {
        const detail = `messageId ${id} belongs to a message that is still pending: use another one`;
        send.settle(position, failureOutcome("invalid-argument", { recipient, detail }));
        continue;
      }
      const doubt = this.#doubts.take(id, send.sendId);
      if (doubt?.accepted !== undefined) {
        const accepted = ackOutcome(doubt.accepted.ack, { recipient, sentAt: doubt.accepted.sentAt });
        send.settle(position, withUnansweredCopies(accepted, doubt.copies - 1));
        continue;
      }
      const entry: Outgoing = {
        id,
        recipient,
        position,
        send,
        sequence: this.#sequence++,
        settled: false,
        connection: undefined,
        sentAt: undefined,
        doubts: doubt?.copies ?? 0,
        resends: doubt?.copies ?? 0,
        waiting: false,
        previous: undefined,
        next: undefined,
      };
      this.#unsettled.set(id, entry);
      entries.push(entry);
    }
    return entries;
  }

  #unanswered(
    connection: Connection<Outgoing>,
    slots: readonly PendingSlot<Outgoing>[],
    code: ErrorCode,
    reason: string,
  ): void {
    let again = 0;
    for (const { value: entry, batch } of slots) {
      if (entry.settled || entry.connection !== connection) continue;
      entry.connection = undefined;
      // an unflushed copy never left this process; on a connection that is still up it will
      if (code === "timeout" || connection.flushed(batch)) entry.doubts++;
      if (code === "timeout") entry.resends++;
      const { resend, maxResends } = entry.send;
      // bounded for a slow service; a lost connection always requires another copy
      const enough = !resend || (code === "timeout" && entry.resends > maxResends);
      if (entry.doubts > 0 && enough) this.#giveUp(entry, code, reason);
      else {
        this.#line.add(entry);
        again++;
      }
    }
    if (again > 0) this.#publishResend(connection, again, reason);
    this.pump();
  }

  /** Ends a message with a refusal. */
  #turnedDown(
    connection: Connection<Outgoing>,
    { id, writtenAt }: PendingSlot<Outgoing>,
    outcomeOf: (write: AnsweredWrite) => RecipientOutcome,
  ): void {
    const entry = this.#unsettled.get(id);
    // another copy is in flight on another connection and may be accepted
    if (entry === undefined || isPendingElsewhere(entry, connection)) return;
    const outcome = outcomeOf({ recipient: entry.recipient, sentAt: writtenAt });
    this.#settle(entry, entry.doubts > 0 ? this.#keepDoubt(entry, outcome) : outcome);
  }

  #lineUp(entry: Outgoing): void {
    entry.connection = undefined;
    this.#line.add(entry);
  }

  /** Makes the refusal of one copy ambiguous if an earlier copy is unanswered, and remembers that for the next attempt. */
  #keepDoubt(entry: Outgoing, outcome: RecipientOutcome): RecipientOutcome {
    if (outcome.kind !== "retryable") return withUnansweredCopies(outcome, entry.doubts);
    const { sendId } = entry.send;
    // without sendId the caller is not withRetry, and a further attempt could not be recognised
    if (sendId !== undefined) this.#doubts.keep(entry.id, { sendId, copies: entry.doubts });
    const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
    const detail = "an earlier copy was not answered, and may have been accepted";
    return withUnansweredCopies({ ...rest, kind: "ambiguous", refused: true, detail }, entry.doubts);
  }

  /** Counts an expired copy as refused. The message may be between two attempts. */
  #doubtResolved(id: string, entry: Outgoing | undefined): void {
    if (entry !== undefined) entry.doubts = Math.max(0, entry.doubts - 1);
    else this.#doubts.refused(id);
  }

  /** Ends a message without waiting for an answer. */
  #giveUp(entry: Outgoing, code: ErrorCode, detail: string): void {
    if (entry.settled) return;
    const { recipient } = entry;
    const facts = { recipient, detail, ...defined({ sentAt: entry.sentAt }) };
    // the outcome is about the latest copy
    const earlierCopies = entry.doubts + (entry.connection === undefined ? 0 : 1) - 1;
    const written = earlierCopies >= 0;
    // a refusal says nothing about copies that were written before
    const fate = written && code === this.#refusal?.code ? "connection-lost" : code;
    const outcome = written ? ambiguousOutcome(fate, facts) : failureOutcome(fate, facts);
    this.#settle(entry, withUnansweredCopies(outcome, earlierCopies));
  }

  /** Ends a message whose time to live has passed. An earlier copy may have been accepted. */
  #expire(entry: Outgoing): void {
    this.#giveUp(entry, "expired", "its time to live passed before it could be written");
  }

  #settle(entry: Outgoing, outcome: RecipientOutcome): void {
    if (entry.settled) return;
    entry.settled = true;
    entry.connection = undefined;
    this.#line.remove(entry);
    this.#unsettled.delete(entry.id);
    entry.send.settle(entry.position, outcome);
    if (this.#unsettled.size === 0) this.#idleWaiters.wake();
  }

  /** Ends overdue messages; returns the next deadline. */
  #sweep(now: MonotonicInstant): MonotonicInstant {
    const { lastError } = this.#outlet;
    let next = NEVER;
    for (const entry of [...this.#unsettled.values()]) {
      const due = dueAt(entry);
      if (due > now) next = earlier(next, due);
      else if (entry.send.deadline > now) this.#expire(entry);
      else if (lastError !== undefined && entry.connection === undefined && entry.doubts === 0) {
        this.#giveUp(entry, "connection-failed", lastError.message);
      } else this.#giveUp(entry, "timeout", "its deadline passed");
    }
    return next;
  }

  #publishResend(connection: Connection<Outgoing>, messages: number, reason: string): void {
    publish("cloud-messaging:ccs-resend", () => ({ connectionId: connection.id, messages, reason }));
  }

  #strayAnswer(type: string, id: string): void {
    publish("cloud-messaging:notice", () => ({
      transport: "ccs",
      notice: "unknown-answer",
      detail: `${type} for ${this.#options.redact(id).slice(0, 100)}, which is not pending on that connection`,
    }));
  }
}
