import { AbortedError, ClosedError, type ErrorCode } from "@cloud-messaging/core";
import { checkSignalOptions, readOptions, z } from "@cloud-messaging/core/transport";
import type { EventHub } from "../events.ts";
import type { CapturedMessage, MessageState, ModelMessage, TimelineEntry, Writable } from "../model/message.ts";
import { OldestFirst } from "../model/oldest-first.ts";
import { weightOf } from "../model/weight.ts";

/** Maximum captured text, whatever the number of messages. Implementation limit. Unit: characters. */
const MAX_WEIGHT = 64 * 1_048_576;
/** Maximum number of IDs in one event about deleted messages. Implementation limit. */
const MAX_REMOVED = 1000;
/** Maximum number of timeline entries per message; a topic message can have one per device. Implementation limit. */
const MAX_TIMELINE = 100;

type Entry = Writable<Omit<CapturedMessage, "timeline">> & { timeline: TimelineEntry[] };

/** Memory of a message; text shared with the previous one (one request, many recipients) is counted once. */
function weigh(message: CapturedMessage, before: CapturedMessage | undefined): number {
  const { to, messageId, collapseKey, wire, data, notification } = message;
  let weight = 500 + to.length + (messageId?.length ?? 0) + (collapseKey?.length ?? 0);
  if (wire !== before?.wire) weight += wire.length;
  if (data !== before?.data) weight += weightOf(data);
  if (notification !== before?.notification) weight += weightOf(notification);
  return weight;
}

/** Condition to wait for: a matching message, or a number of messages. */
export interface WaitForCount {
  /** Number of captured messages, including pruned ones; with `where`, number of listed ones that match. */
  readonly count: number;
  readonly where?: (message: CapturedMessage) => boolean;
}

const WaitForCountSchema = z.strictObject({
  count: z.int().min(0),
  where: z.custom((value) => typeof value === "function", "must be a function").optional(),
} satisfies Record<keyof WaitForCount, z.ZodType>);

/** Options of a wait. */
export interface WaitForOptions {
  /** Aborts the wait: the promise rejects with `AbortedError`. */
  readonly signal?: AbortSignal;
}

/** Captured messages. */
export interface Inbox {
  /** Captured messages, oldest first; at most `maxMessages`. */
  readonly messages: readonly CapturedMessage[];
  /** Number of messages ever captured, including pruned ones. */
  readonly total: number;
  /** Number of messages pruned at the limit. */
  readonly pruned: number;
  latest(): CapturedMessage | undefined;
  get(id: number): CapturedMessage | undefined;
  /** Deletes every captured message. Messages stored for devices remain stored. */
  clear(): void;
  /** Deletes the captured messages that match and returns their number. Messages stored for devices remain stored. */
  remove(matches: (message: CapturedMessage) => boolean): number;
  /**
   * Resolves with the first message that matches, on arrival or after any change of its state.
   *
   * @throws {AbortedError} The signal aborted. @throws {ClosedError} The emulator closed.
   */
  waitFor(predicate: (message: CapturedMessage) => boolean, options?: WaitForOptions): Promise<CapturedMessage>;
  /** Resolves with the messages once there are that many. */
  waitFor(count: WaitForCount, options?: WaitForOptions): Promise<readonly CapturedMessage[]>;
}

interface Waiter {
  readonly check: (changed: CapturedMessage, listed: boolean) => void;
  /** Called when a message is no longer listed. */
  readonly forget: (id: number) => void;
  readonly fail: (error: unknown) => void;
}

/** Bounded store of captured messages: the oldest are pruned. Written by the service only. */
export class InboxStore implements Inbox {
  readonly #entries = new Map<number, Entry>();
  readonly #oldest = new OldestFirst(this.#entries);
  readonly #events: EventHub;
  readonly #maxMessages: number;
  readonly #waiters = new Set<Waiter>();
  #list: readonly CapturedMessage[] | undefined;
  readonly #weights = new Map<number, number>();
  #weight = 0;
  #total = 0;
  #pruned = 0;
  #closed = false;

  constructor(events: EventHub, maxMessages: number) {
    this.#events = events;
    this.#maxMessages = maxMessages;
  }

  get messages(): readonly CapturedMessage[] {
    this.#list ??= [...this.#entries.values()];
    return this.#list;
  }

  get total(): number {
    return this.#total;
  }

  get pruned(): number {
    return this.#pruned;
  }

  latest(): CapturedMessage | undefined {
    return this.#entries.get(this.#total) ?? this.messages.at(-1);
  }

  get(id: number): CapturedMessage | undefined {
    return this.#entries.get(id);
  }

  clear(): void {
    this.#forgetAll();
    this.#events.emit({ type: "cleared", upTo: this.#total });
  }

  remove(matches: (message: CapturedMessage) => boolean): number {
    const ids = this.messages.filter(matches).map(({ id }) => id);
    for (const id of ids) {
      this.#entries.delete(id);
      this.#weights.delete(id);
      for (const waiter of this.#waiters) waiter.forget(id);
    }
    if (ids.length === 0) return 0;
    this.#list = undefined;
    // text shared with a deleted message is now counted for the next one
    this.#weight = 0;
    let before: CapturedMessage | undefined;
    for (const entry of this.#entries.values()) {
      this.#setWeight(entry, before);
      before = entry;
    }
    for (let i = 0; i < ids.length; i += MAX_REMOVED) {
      this.#events.emit({ type: "removed", messages: ids.slice(i, i + MAX_REMOVED) });
    }
    return ids.length;
  }

  #setWeight(entry: CapturedMessage, before: CapturedMessage | undefined): void {
    const weight = weigh(entry, before);
    this.#weights.set(entry.id, weight);
    this.#weight += weight;
  }

  #forgetAll(): void {
    for (const id of this.#entries.keys()) for (const waiter of this.#waiters) waiter.forget(id);
    this.#entries.clear();
    this.#weights.clear();
    this.#weight = 0;
    this.#list = undefined;
  }

  waitFor(predicate: (message: CapturedMessage) => boolean, options?: WaitForOptions): Promise<CapturedMessage>;
  waitFor(count: WaitForCount, options?: WaitForOptions): Promise<readonly CapturedMessage[]>;
  waitFor(
    what: ((message: CapturedMessage) => boolean) | WaitForCount,
    options: WaitForOptions = {},
  ): Promise<CapturedMessage | readonly CapturedMessage[]> {
    return new Promise((resolve, reject) => {
      checkSignalOptions(options, "an option of waitFor");
      if (typeof what !== "function") readOptions(WaitForCountSchema, what, "a part of the count");
      const { signal } = options;
      if (this.#closed) return reject(new ClosedError("The emulator"));
      if (signal?.aborted) return reject(new AbortedError("inbox.waitFor()", signal.reason, "its end"));
      const end = (): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => waiter.fail(new AbortedError("inbox.waitFor()", signal?.reason, "its end"));
      const settle = (found: CapturedMessage | readonly CapturedMessage[]): void => {
        end();
        resolve(found);
      };
      const { count, where } = typeof what === "function" ? { count: 1, where: what } : what;
      // matches are counted incrementally: checking every message after each change would be quadratic
      const matching = new Map<number, CapturedMessage>();
      const look = (message: CapturedMessage): void => {
        if (where?.(message)) matching.set(message.id, message);
        else matching.delete(message.id);
      };
      const settleIfEnough = (): void => {
        if (where === undefined) {
          if (this.#total >= count) settle(this.messages);
        } else if (matching.size >= count) {
          const found = [...matching.values()].sort((a, b) => a.id - b.id);
          settle(typeof what === "function" ? (found[0] as CapturedMessage) : found);
        }
      };
      // an error of the caller's predicate rejects the wait, and does not reach the client that sent the message
      const guarded = (run: () => void): void => {
        try {
          run();
        } catch (error) {
          waiter.fail(error);
        }
      };
      const waiter: Waiter = {
        check: (changed, listed) =>
          guarded(() => {
            if (listed || typeof what === "function") look(changed);
            settleIfEnough();
          }),
        forget: (id) => matching.delete(id),
        fail: (error) => {
          end();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
      guarded(() => {
        for (const message of where === undefined ? [] : this.messages) {
          look(message);
          if (typeof what === "function" && matching.size > 0) break;
        }
        settleIfEnough();
      });
    });
  }

  /** Captures a message on arrival. */
  capture(incoming: ModelMessage, at: number): CapturedMessage {
    const entry: Entry = {
      id: ++this.#total,
      at,
      protocol: incoming.protocol,
      kind: incoming.address.kind,
      to: incoming.to,
      data: incoming.data,
      timeToLiveSec: incoming.timeToLiveSec,
      delayWhileIdle: incoming.delayWhileIdle ?? false,
      dryRun: incoming.dryRun ?? false,
      receiptRequested: incoming.receiptRequested ?? false,
      wire: incoming.wire,
      state: "held",
      devices: 0,
      delivered: 0,
      timeline: [],
    };
    if (incoming.senderId !== undefined) entry.senderId = incoming.senderId;
    if (incoming.project !== undefined) entry.project = incoming.project;
    if (incoming.messageId !== undefined) entry.messageId = incoming.messageId;
    if (incoming.notification !== undefined) entry.notification = incoming.notification;
    if (incoming.collapseKey !== undefined) entry.collapseKey = incoming.collapseKey;
    if (incoming.priority !== undefined) entry.priority = incoming.priority;
    const before = this.#entries.get(entry.id - 1);
    // equal texts of different requests are stored once
    if (before?.wire === entry.wire) entry.wire = before.wire;
    this.#entries.set(entry.id, entry);
    this.#setWeight(entry, before);
    this.#list = undefined;
    this.#prune();
    return entry;
  }

  #prune(): void {
    const before = this.#pruned;
    while (this.#entries.size > this.#maxMessages || (this.#weight > MAX_WEIGHT && this.#entries.size > 1)) {
      const oldest = this.#oldest.next() as number;
      this.#weight -= this.#weights.get(oldest) ?? 0;
      this.#weights.delete(oldest);
      this.#entries.delete(oldest);
      for (const waiter of this.#waiters) waiter.forget(oldest);
      this.#pruned++;
    }
    if (this.#pruned > before) this.#events.emit({ type: "pruned", messages: this.#pruned });
  }

  /** Sets the message ID issued by the service. */
  name(message: CapturedMessage, messageId: string): void {
    (message as Entry).messageId ??= messageId;
  }

  /** Restores saved messages. Returns them by ID. */
  restore(messages: readonly CapturedMessage[], total: number): ReadonlyMap<number, CapturedMessage> {
    this.#forgetAll();
    this.#oldest.startAt(messages[0]?.id ?? 0);
    let before: CapturedMessage | undefined;
    for (const message of messages.slice(-this.#maxMessages)) {
      this.#entries.set(message.id, { ...message, timeline: [...message.timeline] });
      this.#setWeight(message, before);
      before = message;
    }
    this.#total = total;
    this.#pruned = total - this.#entries.size;
    return this.#entries;
  }

  /** Sets the number of devices addressed. */
  meantFor(message: CapturedMessage, devices: number): void {
    (message as Entry).devices = devices;
  }

  /** Records an event in the timeline of a message. */
  note(
    message: CapturedMessage,
    at: number,
    event: TimelineEntry["event"],
    facts: { deviceId?: string | undefined; detail?: string | undefined; code?: ErrorCode } = {},
  ): void {
    const entry = message as Entry;
    const { deviceId, detail, code } = facts;
    const line: Writable<TimelineEntry> = { at, event };
    if (deviceId !== undefined) line.deviceId = deviceId;
    if (detail !== undefined) line.detail = detail;
    if (entry.timeline.length < MAX_TIMELINE) entry.timeline.push(line);
    if (event === "delivered") entry.delivered++;
    if (event !== "receipt-sent" && event !== "receipt-acked") {
      entry.state = shown(entry, event);
      if (detail !== undefined) entry.reason = detail;
      else if (entry.reason !== undefined) delete entry.reason;
      if (code !== undefined) entry.code = code;
    }
    const listed = this.#entries.get(entry.id) === entry;
    if (listed && this.#events.isHeard("message")) this.#events.emit({ type: "message", message, entry: line });
    if (this.#waiters.size > 0) for (const waiter of [...this.#waiters]) waiter.check(message, listed);
  }

  /** Ends every wait. */
  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#waiters]) waiter.fail(new ClosedError("The emulator"));
  }

  /** Resets the store; waits continue. */
  reset(): void {
    this.#forgetAll();
    this.#oldest.startAt(0);
    this.#total = 0;
    this.#pruned = 0;
  }
}

/** For a message to many devices, delivered takes precedence over not delivered. */
function shown(entry: Entry, event: MessageState): MessageState {
  return entry.devices > 1 && entry.delivered > 0 ? "delivered" : event;
}
