import { defined } from "@cloud-messaging/core/transport";
import {
  type CallOptions,
  createDeviceGroups,
  type DeviceGroupResult,
  type DeviceGroups,
} from "@cloud-messaging/http-sender";
import type { Context } from "../context.ts";
import type { ExitStatus } from "../exit-status.ts";
import { type Command, defineCommand } from "../line/command.ts";
import { text } from "../line/options.ts";
import { outcomeInWords, statusOf } from "../output/outcomes.ts";
import {
  apiKeyOf,
  CONNECTION_OPTIONS,
  type ConnectionValues,
  senderIdOf,
  timeoutMsOf,
  tlsOf,
} from "../service/settings.ts";
import { collected, TOKENS_OPTION, tokensOf } from "../tokens/token-source.ts";

const { credential, apiKeyFile, senderId, endpoint, ca, timeout } = CONNECTION_OPTIONS;
const OPTIONS = { credential, apiKeyFile, senderId, endpoint, ca, timeout };

/** The command `groups create`. */
const create: Command = defineCommand({
  name: "groups create",
  summary: "create a device group of up to 20 tokens, and show its notification key",
  arguments: "<name> [tokens...]",
  options: { ...TOKENS_OPTION, ...OPTIONS },
  examples: ["cloud-messaging groups create user-7 TOKEN --sender-id 1234567890 --api-key-file key.txt"],
  run: (context, options, [name = "", ...given]) =>
    withGroups(context, options, async (client, limits) =>
      client.create(name, await collected(tokensOf(given, options.file, context)), limits),
    ),
});

/** The commands `groups add` and `groups remove`. */
const changes: readonly Command[] = (["add", "remove"] as const).map((operation) =>
  defineCommand({
    name: `groups ${operation}`,
    summary: `${operation} tokens ${operation === "add" ? "to a device group" : "from a device group; with the last one the group ends"}`,
    arguments: "<name> [tokens...]",
    options: { ...TOKENS_OPTION, key: text("KEY", "notification key of the group (default: looked up)"), ...OPTIONS },
    examples: [`cloud-messaging groups ${operation} user-7 TOKEN --sender-id 1234567890 --api-key-file key.txt`],
    run: (context, options, [name = "", ...given]) =>
      withGroups(context, options, async (client, limits) => {
        const tokens = await collected(tokensOf(given, options.file, context));
        return client[operation](name, tokens, { ...limits, ...defined({ notificationKey: options.key }) });
      }),
  }),
);

/** The command `groups find`. */
const find: Command = defineCommand({
  name: "groups find",
  summary: "show the notification key of a device group",
  arguments: "<name>",
  options: OPTIONS,
  examples: ["cloud-messaging groups find user-7 --sender-id 1234567890 --api-key-file key.txt"],
  run: (context, options, [name = ""]) => withGroups(context, options, (client, limits) => client.find(name, limits)),
});

/** All commands about device groups. */
export const groups: readonly Command[] = [create, find, ...changes];

async function withGroups(
  { output, signal }: Context,
  values: ConnectionValues,
  call: (client: DeviceGroups, limits: CallOptions) => Promise<DeviceGroupResult>,
): Promise<ExitStatus> {
  const client = await openGroups(values);
  try {
    const result = await call(client, { signal, timeoutMs: timeoutMsOf(values) });
    await output.value(result, () => (result.kind === "ok" ? result.notificationKey : outcomeInWords(result, output)));
    return statusOf([result.kind === "ok" ? "accepted" : result.kind]);
  } finally {
    await client.close();
  }
}

async function openGroups(values: ConnectionValues): Promise<DeviceGroups> {
  const { credential: path, endpoint: address } = values;
  const credentials = path === undefined ? { apiKey: await apiKeyOf(values) } : { credential: path };
  return createDeviceGroups({
    senderId: senderIdOf(values),
    ...credentials,
    ...defined({ endpoint: address, tls: await tlsOf(values) }),
  });
}
