import type { RecipientOutcome } from "@cloud-messaging/core";
import type { ExitStatus } from "../exit-status.ts";
import { outcomeInWords, statusOf } from "./outcomes.ts";
import type { Output } from "./output.ts";

/** Writes the outcomes of a call: one object of JSON, or a line each. */
export async function writeReport(outcomes: readonly RecipientOutcome[], output: Output): Promise<ExitStatus> {
  if (output.json) await output.line(JSON.stringify({ outcomes }));
  else for (const outcome of outcomes) await output.line(outcomeInWords(outcome, output));
  return statusOf(outcomes.map(({ kind }) => kind));
}
