import type { MessageContent, SendReport } from "@cloud-messaging/core";
import type { Context } from "../context.ts";
import { EXIT_STATUS, type ExitStatus, UsageError } from "../exit-status.ts";
import { type Command, defineCommand, type OptionValues } from "../line/command.ts";
import { flag } from "../line/options.ts";
import { writeReport } from "../output/report.ts";
import { type OpenStore, openStore, STORE_OPTION } from "../registrations/open-store.ts";
import { openSender } from "../service/open-sender.ts";
import { CONNECTION_OPTIONS, PROTOCOL_OPTION } from "../service/settings.ts";
import { CONTENT_OPTIONS, contentOf } from "./message.ts";
import { preview, previewInWords } from "./preview.ts";
import { type Recipients, recipientsOf, TARGET_OPTIONS } from "./target.ts";

const OPTIONS = {
  ...TARGET_OPTIONS,
  ...CONTENT_OPTIONS,
  print: flag("show the request and what each platform gets, by an emulator in this process; send nothing"),
  ...PROTOCOL_OPTION,
  ...CONNECTION_OPTIONS,
  ...STORE_OPTION,
};

/** The command `send`. */
export const send: Command = defineCommand({
  name: "send",
  summary: "send one message and show its outcome",
  options: OPTIONS,
  examples: [
    "cloud-messaging send --to TOKEN --title Hello --body 'How are you?' --credential service-account.json",
    "cloud-messaging send --topic news --data article=42 --ttl 3600",
    "cloud-messaging send --to TOKEN --message message.json --print",
  ],
  async run(context, options) {
    const recipients = recipientsOf(options);
    const content = await contentOf(options, context);
    const store = "userId" in recipients ? await openStore(options) : undefined;
    try {
      if (options.print === true) return await print(context, options, recipients, content, store);
      return await sendOnce(context, options, recipients, content, store);
    } finally {
      await store?.close();
    }
  },
});

type Values = OptionValues<typeof OPTIONS>;

async function sendOnce(
  context: Context,
  options: Values,
  recipients: Recipients,
  content: MessageContent,
  store: OpenStore | undefined,
): Promise<ExitStatus> {
  const { output, signal } = context;
  const sender = await openSender(options.protocol ?? "v1", options, context, store?.registrations);
  let report: SendReport;
  try {
    report =
      "userId" in recipients
        ? await sender.sendToUser(recipients.userId, content, { signal })
        : await sender.send({ ...content, target: recipients.target }, { signal });
  } finally {
    await sender.close();
  }
  const { outcomes } = report;
  if (outcomes.length === 0) {
    output.note("The user has no registration: nothing was sent");
    return EXIT_STATUS.failed;
  }
  return writeReport(outcomes, output);
}

async function print(
  { output }: Context,
  { protocol = "v1" }: Values,
  recipients: Recipients,
  content: MessageContent,
  store: OpenStore | undefined,
): Promise<ExitStatus> {
  const target = "userId" in recipients ? await tokensOf(recipients.userId, store) : recipients.target;
  const shown = await preview(protocol, { ...content, target }, output);
  await output.value(shown, () => previewInWords(shown, output));
  return EXIT_STATUS.done;
}

async function tokensOf(userId: string, store: OpenStore | undefined) {
  const registrations = (await store?.registrations.registrationsOf(userId)) ?? [];
  if (registrations.length === 0) throw new UsageError("--user: the user has no registration");
  return { tokens: registrations.map(({ token }) => token) };
}
