import type { SendAllOutcome } from "@cloud-messaging/core";
import { paced } from "@cloud-messaging/core/transport";
import { EXIT_STATUS, type ExitStatus } from "../exit-status.ts";
import { type Command, defineCommand } from "../line/command.ts";
import { choice, number } from "../line/options.ts";
import type { Style } from "../output/output.ts";
import { openSender } from "../service/open-sender.ts";
import { CONNECTION_OPTIONS } from "../service/settings.ts";
import { TOKENS_OPTION, tokensOf } from "./token-source.ts";

/** State of a token, as a dry run tells it. */
export type ValidatedState = "alive" | "dead" | "other-sender" | "refused" | "unknown";

const STYLES: Readonly<Record<ValidatedState, Style>> = {
  alive: "green",
  dead: "red",
  "other-sender": "yellow",
  refused: "red",
  unknown: "yellow",
};

/** Default number of tokens tried per second. FCM gives 600000 messages a minute. */
const PER_SEC = 500;

/** The command `validate`. */
export const validate: Command = defineCommand({
  name: "validate",
  summary: "find out which tokens are alive, dead, or of another sender; delivers nothing",
  notes:
    "Each token is sent a message with dry_run or validate_only. Writes CSV: token, state, code, canonical ID. The states are alive, dead,\nother-sender, refused and unknown (no answer for now). The status is 1 if a token is not alive, 3 if some are unknown and no other.",
  arguments: "[tokens...]",
  options: {
    ...TOKENS_OPTION,
    rate: number("NUMBER", "tokens per second at most (default: 500)", { min: 1, max: 10_000 }),
    protocol: choice(["v1", "gcm"], "v1 is FCM HTTP v1 (default: v1)"),
    ...CONNECTION_OPTIONS,
  },
  examples: ["cloud-messaging validate --file tokens.csv --credential service-account.json > states.csv"],
  async run(context, options, args) {
    const { output, clock, signal } = context;
    const counts: Record<ValidatedState, number> = { alive: 0, dead: 0, "other-sender": 0, refused: 0, unknown: 0 };
    let settled = 0;
    const sender = await openSender(options.protocol ?? "v1", options, context);
    try {
      const names = new Map<number, string>();
      const tokens = remembered(tokensOf(args, options.file, context), names);
      const pacedTokens = paced(tokens, { perSec: options.rate ?? PER_SEC, clock, signal });
      if (!output.json) await output.line(output.paint("dim", "token,state,code,canonical"));
      for await (const outcome of sender.sendAll({ dryRun: true }, pacedTokens, { signal })) {
        const state = stateOf(outcome);
        counts[state]++;
        settled++;
        const token = names.get(outcome.position) ?? outcome.recipient;
        names.delete(outcome.position);
        const code = outcome.kind === "accepted" ? undefined : outcome.code;
        const canonical = outcome.kind === "accepted" ? outcome.canonicalRegistrationId : undefined;
        await output.value({ token, state, code, canonical }, () =>
          [cell(token), output.paint(STYLES[state], state), code ?? "", canonical ?? ""].join(","),
        );
        output.progress(() => `${settled} tokens, ${counts.dead} dead`);
      }
    } finally {
      await sender.close();
    }
    const told = Object.entries(counts).filter(([, count]) => count > 0);
    output.note(`${settled} tokens: ${told.map(([state, count]) => `${count} ${state}`).join(", ") || "none"}`);
    return statusOf(counts);
  },
});

/** Remembers tokens by their positions, until their outcome has come: an outcome shows a malformed one in part. */
async function* remembered(
  source: AsyncIterable<string>,
  names: Map<number, string>,
): AsyncGenerator<string, void, undefined> {
  let position = 0;
  for await (const token of source) {
    names.set(position++, token);
    yield token;
  }
}

function stateOf(outcome: SendAllOutcome): ValidatedState {
  switch (outcome.kind) {
    case "accepted":
      return "alive";
    case "unregistered":
      return "dead";
    case "rejected":
      return outcome.code === "mismatch-sender-id" ? "other-sender" : "refused";
    default:
      return "unknown";
  }
}

function statusOf({ dead, refused, unknown, ...others }: Readonly<Record<ValidatedState, number>>): ExitStatus {
  if (dead + refused + others["other-sender"] > 0) return EXIT_STATUS.failed;
  return unknown > 0 ? EXIT_STATUS.again : EXIT_STATUS.done;
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
