import type { RecipientOutcome } from "@cloud-messaging/core";
import { errorRow } from "@cloud-messaging/core/transport";
import { EXIT_STATUS, type ExitStatus } from "../exit-status.ts";
import type { Output, Style } from "./output.ts";

const STYLES: Readonly<Record<RecipientOutcome["kind"], Style>> = {
  accepted: "green",
  unregistered: "red",
  retryable: "yellow",
  ambiguous: "yellow",
  rejected: "red",
};

/** An outcome in words: kind, recipient, and what it means. */
export function outcomeInWords(outcome: RecipientOutcome, output: Output): string {
  return [output.paint(STYLES[outcome.kind], outcome.kind), shortened(outcome.recipient), ...meaningOf(outcome)].join(
    "  ",
  );
}

function meaningOf(outcome: RecipientOutcome): string[] {
  if (outcome.kind === "accepted") {
    const newer = outcome.canonicalRegistrationId;
    return [outcome.messageId ?? "", ...(newer === undefined ? [] : [`use ${shortened(newer)} from now on`])].filter(
      (text) => text !== "",
    );
  }
  const { meaning, action } = errorRow(outcome.code);
  const said = outcome.service?.description;
  const detail = "detail" in outcome && outcome.detail !== action ? outcome.detail : undefined;
  return [
    `${outcome.code}: ${meaning}.`,
    ...[detail, said === undefined || detail?.includes(said) ? undefined : `The service: ${said}`].filter(
      (text) => text !== undefined,
    ),
    action,
  ];
}

/** Longest recipient that is shown whole. Unit: characters. */
const SHOWN = 40;

/** A token as it is shown to people: its beginning and its end. */
export function shortened(recipient: string): string {
  return recipient.length <= SHOWN ? recipient : `${recipient.slice(0, 20)}…${recipient.slice(-8)}`;
}

/** Exit status of outcomes: a refusal counts more than a doubt. */
export function statusOf(kinds: Iterable<RecipientOutcome["kind"]>): ExitStatus {
  let status: ExitStatus = EXIT_STATUS.done;
  for (const kind of kinds) {
    if (kind === "rejected" || kind === "unregistered") return EXIT_STATUS.failed;
    if (kind !== "accepted") status = EXIT_STATUS.again;
  }
  return status;
}
