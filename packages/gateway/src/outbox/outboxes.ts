import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { createOutbox, divideOptions, type Outbox, type OutboxEngine } from "@cloud-messaging/core/transport";
import { createFcmV1Transport, type FcmSenderOptions } from "@cloud-messaging/http-sender";

/** Time after which the messages that a killed gateway was sending are taken up again. Unit: milliseconds. */
const LEASE_MS = 10_000;

/** Parts of the outboxes. */
export interface OutboxesOptions {
  readonly projects: Readonly<Record<string, Omit<FcmSenderOptions, "timeoutMs" | "clock">>>;
  /** Opens the storage of a project. */
  readonly engine: (project: string) => OutboxEngine | Promise<OutboxEngine>;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Opens the outbox of each project, and works on it.
 *
 * @throws {InvalidOptionsError} with the project's name before each path; none is left open.
 */
export async function openOutboxes({ projects, engine, ...rest }: OutboxesOptions): Promise<Map<string, Outbox>> {
  const outboxes = new Map<string, Outbox>();
  try {
    for (const [project, options] of Object.entries(projects)) {
      outboxes.set(project, createProjectOutbox(await engine(project), options, rest.clock));
    }
  } catch (error) {
    await closeOutboxes(outboxes);
    if (!(error instanceof InvalidOptionsError)) throw error;
    throw new InvalidOptionsError(error.problems.map((problem) => ({ ...problem, path: `outbox.${problem.path}` })));
  }
  for (const outbox of outboxes.values()) {
    const { closeTimeoutMs } = rest;
    outbox.work({ leaseMs: LEASE_MS, closeTimeoutMs }).catch(rest.onFailure);
  }
  return outboxes;
}

/** Ends the work: what is in flight settles, the rest stays stored. */
export async function closeOutboxes(outboxes: ReadonlyMap<string, Outbox>): Promise<void> {
  await Promise.all([...outboxes.values()].map((outbox) => outbox.close()));
}

function createProjectOutbox(engine: OutboxEngine, options: FcmSenderOptions, clock: Clock): Outbox {
  const { ofSender, ofTransport } = divideOptions(options);
  const { random: _, ...transport } = ofTransport;
  // retries are the outbox's, and patient
  const { registrations, ambiguous } = ofSender as FcmSenderOptions;
  return createOutbox({
    engine,
    transport: createFcmV1Transport({ ...transport, clock }),
    clock,
    ...(registrations === undefined ? {} : { registrations }),
    ...(ambiguous === undefined ? {} : { ambiguous }),
  });
}
