import {
  ambiguousOutcome,
  defined,
  LONE_SURROGATE,
  type MonotonicInstant,
  readOptions,
  requireOptions,
} from "@cloud-messaging/core/transport";
import type { DeviceGroupRequest } from "@cloud-messaging/core/wire";
import { atEmulator } from "../common/emulator-environment.ts";
import { parseEndpoint } from "../common/endpoint.ts";
import {
  type CallOptions,
  type CallResult,
  checkTokens,
  type FailedOutcome,
  invalidArgument,
  type ManagementClient,
} from "./client.ts";
import { connect } from "./connect.ts";
import { DEVICE_GROUP_ENDPOINTS, type DeviceGroupsOptions, deviceGroupOptionsSchema } from "./options.ts";
import type { Bounds } from "./retries.ts";

/** Most members of a device group. Source: docs/protocol/gcm-http.md#device-groups */
export const MAX_GROUP_MEMBERS = 20;
/** Maximum length of a group name. Unit: characters. Implementation limit, not part of the protocol. */
const MAX_NAME_LENGTH = 1024;

/** Success: the current key of a group. */
export interface GroupKey {
  readonly kind: "ok";
  /** Key to send to from now on. Older keys of the group remain valid; compare groups by name, not by key. */
  readonly notificationKey: string;
}

/** Result of a call: the current key of the group, or a failure with the group's name as `recipient`. */
export type DeviceGroupResult = GroupKey | FailedOutcome;

/**
 * Creates device groups and changes their members. Send to one with `{ target: { notificationKey } }`. A change has one result for the whole
 * list, so a malformed token in it, or an empty list, is an error of the call and nothing is changed.
 */
export interface DeviceGroups extends AsyncDisposable {
  /**
   * Creates a group. Unregistered tokens are omitted silently as long as one is registered.
   *
   * @param name Names the group within the app: your own, 1 or more characters.
   * @param tokens 1 to 20.
   * @throws {InvalidOptionsError} a name or a token is malformed, or there are too many.
   */
  create(name: string, tokens: readonly string[], options?: CallOptions): Promise<DeviceGroupResult>;
  /**
   * Adds members; one that is in already counts as added.
   *
   * Without a `notificationKey` the newest key that this object has seen for the name is used; where there is none, or where the service
   * does not know that one any more, the key is looked up and the change made once with what was found.
   */
  add(name: string, tokens: readonly string[], options?: GroupCallOptions): Promise<DeviceGroupResult>;
  /** Removes members; with the last one the group ends. Where that was not answered, the repeat says `group-not-found`. */
  remove(name: string, tokens: readonly string[], options?: GroupCallOptions): Promise<DeviceGroupResult>;
  /** Looks the key of a name up. An unknown name is `rejected` with code `group-not-found`. */
  find(name: string, options?: CallOptions): Promise<DeviceGroupResult>;
  /** Waits for calls in flight and frees the sockets. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Options of a change of members. */
export interface GroupCallOptions extends CallOptions {
  /** @defaultValue the newest key this object has seen for the name; looked up where there is none, or it is not known any more */
  readonly notificationKey?: string;
}

/** Maximum number of names whose newest key is cached. */
const MAX_REMEMBERED = 10_000;

/**
 * Creates a client of device-group management, with the legacy key or OAuth2. Transient failures are retried, and so are look-ups and
 * changes of members that were written and not answered; such a `create` stays `ambiguous`, since a repeat answers `group-exists`.
 *
 * @example
 * ```ts
 * import { createDeviceGroups } from "@cloud-messaging/http-sender";
 *
 * await using groups = createDeviceGroups({ credential: "service-account.json", senderId: "1234567890" });
 * const result = await groups.create("user-7", ["token-of-a-phone", "token-of-a-tablet"]);
 * if (result.kind === "ok") console.log(result.notificationKey);
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createDeviceGroups(options: DeviceGroupsOptions): DeviceGroups {
  const given = requireOptions(options);
  const {
    senderId,
    endpoint: address,
    ...settings
  } = readOptions(
    deviceGroupOptionsSchema,
    atEmulator(given, "/fcm/notification", "device-groups") ?? given,
    "an option of device groups",
  );
  const named =
    typeof address === "string" ? DEVICE_GROUP_ENDPOINTS[address as keyof typeof DEVICE_GROUP_ENDPOINTS] : undefined;
  const endpoint = parseEndpoint(named ?? address, settings.allowInsecure);
  const { client } = connect(settings, {
    name: "device-groups",
    endpoint,
    headers: ["project_id", senderId],
    bearerHeaders: ["access_token_auth", "true"],
    vocabulary: "deviceGroups",
  });
  return deviceGroups(client, endpoint.path);
}

function deviceGroups(client: ManagementClient, path: string): DeviceGroups {
  /** Cache of the newest key of each name, with the number of its call: answers may arrive out of order. */
  const newestKeys = new Map<string, { readonly key: string; readonly call: number }>();
  let calls = 0;

  function remember(group: string, key: string, call: number): void {
    if ((newestKeys.get(group)?.call ?? 0) > call) return;
    newestKeys.delete(group);
    newestKeys.set(group, { key, call });
    if (newestKeys.size > MAX_REMEMBERED) newestKeys.delete(newestKeys.keys().next().value as string);
  }

  function read(group: string, call: number, result: CallResult): DeviceGroupResult {
    if (result.kind === "failed") {
      const outcome = result.outcomeFor(group);
      if (provesKeyStale(outcome) && (newestKeys.get(group)?.call ?? 0) < call) newestKeys.delete(group);
      return outcome;
    }
    const key = result.body["notification_key"];
    if (typeof key !== "string" || key === "") {
      const detail = "the answer has no notification_key";
      const { sentAt } = result.answer;
      return ambiguousOutcome("invalid-response", { recipient: group, detail, sentAt, service: result.service });
    }
    remember(group, key, call);
    return { kind: "ok", notificationKey: key };
  }

  async function change(
    operation: "create" | "add" | "remove",
    group: string,
    tokens: readonly string[],
    options: GroupCallOptions,
    deadline: MonotonicInstant | undefined,
    key?: string,
  ): Promise<DeviceGroupResult> {
    const body: DeviceGroupRequest = {
      operation,
      notification_key_name: group,
      ...defined({ notification_key: key }),
      registration_ids: tokens,
    };
    const { signal } = options;
    // a second create would find the group of the first
    const once = operation === "create";
    const [result] = await client.retries.run<GroupKey>([group], { signal, deadline, once }, async (_, bounds) => {
      const call = ++calls;
      return [
        read(group, call, await client.call({ method: "POST", path, body, recipients: tokens.length, ...bounds })),
      ];
    });
    return result as DeviceGroupResult;
  }

  function lookUp(group: string, bounds: Bounds): Promise<DeviceGroupResult> {
    const query = `${path.includes("?") ? "&" : "?"}notification_key_name=${encodeURIComponent(group)}`;
    return client.look<GroupKey>(group, bounds, async (each) => {
      const call = ++calls;
      return read(group, call, await client.call({ method: "GET", path: path + query, recipients: 0, ...each }));
    });
  }

  async function changeMembers(
    operation: "add" | "remove",
    group: string,
    tokens: readonly string[],
    options: GroupCallOptions,
  ): Promise<DeviceGroupResult> {
    checkName(group);
    checkTokens(tokens, "tokens", MAX_GROUP_MEMBERS);
    const { notificationKey, ...callOptions } = options ?? {};
    const deadline = client.deadlineOf(options === null ? options : callOptions);
    if (notificationKey !== undefined) checkTokens([notificationKey], "notificationKey");
    const remembered = newestKeys.get(group)?.key;
    const known = notificationKey ?? remembered;
    if (known !== undefined) {
      const result = await change(operation, group, tokens, options, deadline, known);
      // another process may have recreated the group under another key: a refusal has changed nothing
      if (result.kind === "ok" || notificationKey !== undefined || !provesKeyStale(result)) return result;
    }
    const found = await lookUp(group, { signal: options.signal, deadline });
    return found.kind === "ok" ? change(operation, group, tokens, options, deadline, found.notificationKey) : found;
  }

  const groups: DeviceGroups = {
    async create(group, tokens, options = {}) {
      checkName(group);
      checkTokens(tokens, "tokens", MAX_GROUP_MEMBERS);
      return change("create", group, tokens, options, client.deadlineOf(options));
    },
    add: async (group, tokens, options = {}) => changeMembers("add", group, tokens, options),
    remove: async (group, tokens, options = {}) => changeMembers("remove", group, tokens, options),
    async find(group, options = {}) {
      checkName(group);
      const deadline = client.deadlineOf(options);
      return lookUp(group, { signal: options.signal, deadline });
    },
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
  return groups;
}

/** True if a refusal proves that the key does not belong to the name. */
function provesKeyStale({ kind, code }: FailedOutcome): boolean {
  return kind === "rejected" && (code === "group-not-found" || code === "group-name-mismatch");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

function checkName(name: string): void {
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_LENGTH || CONTROL_CHARACTER.test(name)) {
    throw invalidArgument("name", `must have 1 to ${MAX_NAME_LENGTH} characters, control characters not among them`);
  }
  // not encodable in UTF-8, and so in a URL
  if (!name.isWellFormed()) throw invalidArgument("name", LONE_SURROGATE);
}
