// Counts what happened from three independent sides: our reports, the SDK's events, and what the emulator's devices really received.

/** What the story says has to come out. */
const EXPECTED = {
  sent: 659,
  accepted: 655,
  canonicalRewrites: 1,
  removed: 4,
  moved: 1,
  retries: 5,
  acks: 648,
  nacks: 7,
  receipts: 1,
  upstream: 2,
  drains: 2,
  reconnects: 1,
  lost: 0,
};

export function createTally(emulator) {
  const counts = {
    sent: 0,
    accepted: 0,
    settled: 0,
    retries: 0,
    acks: 0,
    receipts: 0,
    upstream: 0,
    canonicalRewrites: 0,
    removed: 0,
    moved: 0,
  };
  const phaseOf = new Map();
  const phases = { draining: 0, lost: 0 };
  /** Accepted messages, by the device that has to have them and the mark in their data. */
  const owed = [];

  return {
    /** Everything sent carries a mark, so that what a device received can be matched with what was accepted. */
    report(report, deviceOf, mark, { acked = false } = {}) {
      report.outcomes.forEach((outcome) => {
        counts.sent++;
        counts.settled++;
        if (outcome.kind !== "accepted") return;
        counts.accepted++;
        if (acked) counts.acks++;
        owed.push({ device: deviceOf(outcome.recipient), mark });
      });
    },
    change(change) {
      if (change.type === "replaced") counts.canonicalRewrites++;
      if (change.type === "removed") counts.removed++;
      if (change.type === "moved") counts.moved++;
    },
    count: (name) => counts[name]++,
    onRetry: (event) => {
      counts.retries += event.recipients;
    },
    onConnection: (event) => {
      if (event.phase === "draining") phases.draining++;
      if (event.phase === "closed" && phaseOf.get(event.connectionId) === "open") phases.lost++;
      phaseOf.set(event.connectionId, event.phase);
    },
    summary() {
      const received = new Map();
      for (const device of emulator.devices)
        received.set(device.id, new Set(device.received.map(({ data }) => data.mark)));
      const undelivered = owed.filter(({ device, mark }) => !received.get(device.id)?.has(mark)).length;
      return {
        sent: counts.sent,
        accepted: counts.accepted,
        canonicalRewrites: counts.canonicalRewrites,
        removed: counts.removed,
        moved: counts.moved,
        retries: counts.retries,
        acks: counts.acks,
        nacks: emulator.stats.nacks,
        receipts: counts.receipts,
        upstream: counts.upstream,
        drains: phases.draining,
        reconnects: phases.lost,
        lost: counts.sent - counts.settled + undelivered,
      };
    },
    problems: (summary) =>
      Object.entries(EXPECTED)
        .filter(([name, expected]) => summary[name] !== expected)
        .map(([name, expected]) => `${name}: ${summary[name]}, and the story says ${expected}`),
  };
}
