import { type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { createFcmSender, type FcmSender } from "@cloud-messaging/http-sender";
import type { GatewayEvent } from "./event.ts";
import type { GatewayOptions } from "./options.ts";

/** Parts of the senders. */
export interface SenderParts {
  readonly projects: GatewayOptions["projects"];
  /** Time limit of a send. Unit: milliseconds. @defaultValue that of the sender's retry policy */
  readonly timeoutMs?: number;
  readonly clock: Clock;
  readonly onEvent: (event: GatewayEvent) => void;
}

/** Creates the sender of each project. @throws {InvalidOptionsError} with the project's name before each path; none is left open. */
export function createSenders({ projects, onEvent, ...common }: SenderParts): Map<string, FcmSender> {
  const senders = new Map<string, FcmSender>();
  for (const [project, sender] of Object.entries(projects)) {
    try {
      const onNotice = ({ field, detail }: { readonly field: string; readonly detail: string }): void =>
        onEvent({ type: "notice", project, field, detail });
      senders.set(project, createFcmSender({ onNotice, ...sender, ...common }));
    } catch (error) {
      void closeSenders(senders);
      if (!(error instanceof InvalidOptionsError)) throw error;
      throw new InvalidOptionsError(
        error.problems.map((problem) => ({ ...problem, path: `projects.${project}.${problem.path}` })),
      );
    }
  }
  return senders;
}

/** Closes each sender: what is under way is settled. */
export async function closeSenders(senders: ReadonlyMap<string, FcmSender>): Promise<void> {
  await Promise.all([...senders.values()].map((sender) => sender.close()));
}
