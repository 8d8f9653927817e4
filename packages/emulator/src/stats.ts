/** What the emulator has done since it started or was reset. */
export interface EmulatorStats {
  /** Send requests over HTTP that were read as such, whatever was answered. */
  readonly requests: number;
  /** HTTP answers by status; `0` counts those that a fault left unanswered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Messages captured: one per recipient of a request. */
  readonly messages: number;
  /** Messages accepted, one per recipient. */
  readonly accepted: number;
  readonly rejected: number;
  /** Answers that named a canonical ID. */
  readonly canonical: number;
  /** Messages handed to a device, one per device. */
  readonly delivered: number;
  /** Messages that a newer one with the same collapse key took the place of, one per device. */
  readonly collapsed: number;
  /** Messages that wait for their devices now, one per device. */
  readonly waiting: number;
  /** Messages that were dropped before their device had them, whatever the reason, one per device. */
  readonly discarded: number;
  /** Messages whose time to live passed before their device had them, one per device. */
  readonly expired: number;
  /** Messages no longer listed as received by their devices: newer ones needed the room. */
  readonly receivedPruned: number;
  /** CCS acks and nacks written. */
  readonly acks: number;
  readonly nacks: number;
  readonly stanzaErrors: number;
  readonly receiptsSent: number;
  readonly receiptsAcked: number;
  readonly upstreamSent: number;
  /** Upstream messages and receipts that were written again. */
  readonly upstreamResent: number;
  readonly upstreamAcked: number;
  readonly connections: number;
  readonly drains: number;
  /** Connections that a fault or `cut()` ended. */
  readonly cuts: number;
  readonly failedLogins: number;
  /** CCS messages whose `message_id` the same sender had used before: resent ones. */
  readonly repeatedMessageIds: number;
  /** Rules of the protocol that a client broke. */
  readonly violations: number;
}

/** The counts as the parts raise them. */
export type Counters = { -readonly [Name in keyof EmulatorStats]: EmulatorStats[Name] } & {
  statuses: Record<string, number>;
};

/** All at zero. */
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
