import { defined } from "@cloud-messaging/core/transport";
import { createTopics, type InstanceIdTopics, type Topics } from "@cloud-messaging/http-sender";
import { readCredential } from "../check/credential.ts";
import { EXIT_STATUS, UsageError } from "../exit-status.ts";
import { type Command, defineCommand, type OptionValues } from "../line/command.ts";
import { choice, flag, text } from "../line/options.ts";
import { outcomeInWords, statusOf } from "../output/outcomes.ts";
import { writeReport } from "../output/report.ts";
import { apiKeyOf, CONNECTION_OPTIONS, timeoutMsOf, tlsOf } from "../service/settings.ts";
import { collected, TOKENS_OPTION, tokensOf } from "../tokens/token-source.ts";

const { credential, project, apiKeyFile, endpoint, ca, timeout } = CONNECTION_OPTIONS;
const SERVICE = { credential, project, apiKeyFile, endpoint, ca, timeout };
const BACKEND = {
  backend: choice(
    ["topic-subscriptions", "instance-id"],
    "service to ask (default: topic-subscriptions; instance-id where a server key is given)",
  ),
};
const OPTIONS = { ...BACKEND, ...SERVICE };
type Values = OptionValues<typeof OPTIONS>;

/** The commands `topics subscribe` and `topics unsubscribe`. */
const changes: readonly Command[] = (["subscribe", "unsubscribe"] as const).map((operation) =>
  defineCommand({
    name: `topics ${operation}`,
    summary: `${operation} registration tokens ${operation === "subscribe" ? "to" : "from"} a topic`,
    arguments: "<topic> [tokens...]",
    options: { ...TOKENS_OPTION, ...OPTIONS },
    examples: [`cloud-messaging topics ${operation} news TOKEN --credential service-account.json`],
    run: (context, options, [topic = "", ...given]) =>
      withTopics(options, async (topics) => {
        const tokens = await collected(tokensOf(given, options.file, context));
        const limits = { signal: context.signal, timeoutMs: timeoutMsOf(options) };
        const { outcomes } = await topics[operation](topic, tokens, limits);
        return writeReport(outcomes, context.output);
      }),
  }),
);

/** The command `topics info`. */
const info: Command = defineCommand({
  name: "topics info",
  summary: "show the topics of an app instance, and what the service knows of it",
  arguments: "<token>",
  options: OPTIONS,
  examples: ["cloud-messaging topics info TOKEN --credential service-account.json"],
  run: ({ output, signal }, options, [token = ""]) =>
    withTopics(options, async (topics) => {
      const result = await topics.info(token, { signal, timeoutMs: timeoutMsOf(options) });
      if (result.kind !== "ok") {
        await output.value(result, () => outcomeInWords(result, output));
        return statusOf([result.kind]);
      }
      if (output.json) await output.line(JSON.stringify(result.info));
      else
        await output.table(
          ["TOPIC", "SINCE"],
          result.info.topics.map(({ topic, addedAt = "" }) => [topic, addedAt]),
        );
      return EXIT_STATUS.done;
    }),
});

/** The command `topics import-apns`. */
const importApns: Command = defineCommand({
  name: "topics import-apns",
  summary: "convert APNs tokens to registration tokens, by Instance ID",
  arguments: "[tokens...]",
  options: {
    application: text("BUNDLE", "bundle ID of the app"),
    sandbox: flag("the tokens are of the sandbox environment"),
    ...TOKENS_OPTION,
    ...SERVICE,
  },
  examples: ["cloud-messaging topics import-apns --application com.example.app --file apns-tokens.txt"],
  async run(context, options, given) {
    const { application, sandbox = false } = options;
    if (application === undefined) throw new UsageError("--application BUNDLE is needed");
    const { output, signal } = context;
    return withTopics({ ...options, backend: "instance-id" }, async (topics) => {
      const apnsTokens = await collected(tokensOf(given, options.file, context));
      const limits = { signal, timeoutMs: timeoutMsOf(options) };
      const outcomes = await (topics as InstanceIdTopics).importApns({ application, sandbox, apnsTokens }, limits);
      for (const outcome of outcomes) {
        await output.value(outcome, () =>
          outcome.kind === "ok"
            ? `${outcome.recipient}  ${outcome.registrationToken}`
            : outcomeInWords(outcome, output),
        );
      }
      return statusOf(outcomes.map(({ kind }) => (kind === "ok" ? "accepted" : kind)));
    });
  },
});

/** All commands about topics. */
export const topics: readonly Command[] = [...changes, info, importApns];

async function withTopics<T>(values: Values, work: (topics: Topics) => Promise<T>): Promise<T> {
  const open = await openTopics(values);
  try {
    return await work(open);
  } finally {
    await open.close();
  }
}

async function openTopics(values: Values): Promise<Topics> {
  const { credential: path, project: projectId, endpoint: address } = values;
  const usesKey = path === undefined && (values.apiKeyFile ?? process.env["CLOUD_MESSAGING_API_KEY"]) !== undefined;
  const shared = defined({ endpoint: address, tls: await tlsOf(values) });
  if ((values.backend ?? (usesKey ? "instance-id" : "topic-subscriptions")) === "topic-subscriptions") {
    return createTopics({
      backend: "topic-subscriptions",
      credential: path ?? "application-default",
      ...defined({ projectId: projectId ?? (path === undefined ? undefined : (await readCredential(path)).project) }),
      ...shared,
    });
  }
  const credentials = usesKey ? { apiKey: await apiKeyOf(values) } : { credential: path ?? "application-default" };
  return createTopics({ backend: "instance-id", ...credentials, ...shared });
}
