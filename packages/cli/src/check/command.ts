import { EXIT_STATUS } from "../exit-status.ts";
import { type Command, defineCommand } from "../line/command.ts";
import type { Output } from "../output/output.ts";
import { CONNECTION_OPTIONS, PROTOCOL_OPTION } from "../service/settings.ts";
import { checkCcs, checkGcm, checkV1 } from "./checks.ts";
import type { Finding } from "./problems.ts";

const CHECKS = { v1: checkV1, gcm: checkGcm, ccs: checkCcs } as const;

/** The command `check`. */
export const check: Command = defineCommand({
  name: "check",
  summary: "find out why messages are not sent: credential, clock, name, proxy, TLS, permission, login",
  notes:
    "Sends nothing to anybody: over v1 and gcm a message to a token that cannot exist is validated, over ccs a login is made.\nThe status is 1 if a step failed.",
  options: { ...PROTOCOL_OPTION, ...CONNECTION_OPTIONS },
  examples: [
    "cloud-messaging check --credential service-account.json",
    "cloud-messaging check --protocol ccs --sender-id 1234567890 --api-key-file key.txt",
  ],
  async run(context, options) {
    const { output } = context;
    const findings: Finding[] = [];
    for await (const finding of CHECKS[options.protocol ?? "v1"](options, context)) {
      findings.push(finding);
      if (!output.json) await output.line(inWords(finding, output));
    }
    const failures = findings.filter(({ state }) => state === "failed");
    if (output.json) await output.line(JSON.stringify({ good: failures.length === 0, findings }));
    return failures.length === 0 ? EXIT_STATUS.done : EXIT_STATUS.failed;
  },
});

function inWords(finding: Finding, output: Output): string {
  const { step, state, detail } = finding;
  const name = step.padEnd("access token".length);
  if (state === "good") return `${output.paint("green", "good   ")}  ${name}  ${detail}`;
  if (state === "skipped") return `${output.paint("dim", "skipped")}  ${name}  ${detail}`;
  const { problem, cure } = finding;
  return [
    `${output.paint("red", "failed ")}  ${name}  ${output.paint("bold", problem)}: ${detail}`,
    `         ${" ".repeat(name.length)}  ${cure}`,
  ].join("\n");
}
