/** Counters of the emulator since its start or the last reset. */
export interface EmulatorStats {
  /** HTTP send requests read, whatever the answer. */
  readonly requests: number;
  /** HTTP answers by status; `0` counts those left unanswered by a fault. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Messages captured, one per recipient of a request. */
  readonly messages: number;
  /** Messages accepted, one per recipient. */
  readonly accepted: number;
  readonly rejected: number;
  /** Answers with a canonical ID. */
  readonly canonical: number;
  /** Messages delivered, one per device. */
  readonly delivered: number;
  /** Messages replaced by a newer one with the same collapse key, one per device. */
  readonly collapsed: number;
  /** Messages stored for their devices at present, one per device. */
  readonly waiting: number;
  /** Messages dropped before delivery, for any reason, one per device. */
  readonly discarded: number;
  /** Messages whose time to live passed before delivery, one per device. */
  readonly expired: number;
  /** Received messages that devices no longer list, since newer ones replaced them. */
  readonly receivedPruned: number;
  /** CCS acks and nacks written. */
  readonly acks: number;
  readonly nacks: number;
  readonly stanzaErrors: number;
  readonly receiptsSent: number;
  readonly receiptsAcked: number;
  readonly upstreamSent: number;
  /** Upstream messages and receipts redelivered. */
  readonly upstreamResent: number;
  readonly upstreamAcked: number;
  readonly connections: number;
  readonly drains: number;
  /** Connections ended by a fault or `cut()`. */
  readonly cuts: number;
  readonly failedLogins: number;
  /** CCS messages with a `message_id` that the sender had used before: resends. */
  readonly repeatedMessageIds: number;
  /** Protocol violations by clients. */
  readonly violations: number;
}

/** Counters as incremented by the parts of the emulator. */
export type Counters = { -readonly [Name in keyof EmulatorStats]: EmulatorStats[Name] } & {
  statuses: Record<string, number>;
};

/** Creates counters at zero. */
export function createCounters(): Counters {
  return {
    requests: 0,
    statuses: {},
    messages: 0,
    accepted: 0,
    rejected: 0,
    canonical: 0,
    delivered: 0,
    collapsed: 0,
    waiting: 0,
    discarded: 0,
    expired: 0,
    receivedPruned: 0,
    acks: 0,
    nacks: 0,
    stanzaErrors: 0,
    receiptsSent: 0,
    receiptsAcked: 0,
    upstreamSent: 0,
    upstreamResent: 0,
    upstreamAcked: 0,
    connections: 0,
    drains: 0,
    cuts: 0,
    failedLogins: 0,
    repeatedMessageIds: 0,
    violations: 0,
  };
}
