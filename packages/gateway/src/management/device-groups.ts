import { type HttpAnswer, type HttpRequest, jsonAnswer } from "@cloud-messaging/connection-server";
import { isCloudMessagingError } from "@cloud-messaging/core";
import { tokenProblem } from "@cloud-messaging/core/transport";
import { readDeviceGroupRequest } from "@cloud-messaging/core/wire";
import type { DeviceGroupResult, DeviceGroups } from "@cloud-messaging/http-sender";
import { failedCall } from "./answer.ts";

/** Paths of device-group management. Source: docs/protocol/gcm-http.md#device-groups */
export const DEVICE_GROUP_PATHS = ["/gcm/notification", "/fcm/notification"] as const;

/** Passes a look-up of a group on. */
export async function findGroup(groups: DeviceGroups, request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  const name = request.query.get("notification_key_name") ?? "";
  return name === "" ? refusal("notification_key_name is missing") : answer(() => groups.find(name, { timeoutMs }));
}

/** Passes a change of a group on. */
export async function changeGroup(groups: DeviceGroups, request: HttpRequest, timeoutMs: number): Promise<HttpAnswer> {
  const read = readDeviceGroupRequest(request.body);
  if ("error" in read) return refusal(read.error);
  const {
    operation,
    notification_key_name: name = "",
    notification_key: notificationKey,
    registration_ids,
  } = read.request;
  if (name === "") return refusal("notification_key_name is missing");
  if (operation !== "create" && notificationKey === undefined) return refusal("notification_key is missing");
  // the service left malformed tokens out
  const tokens = registration_ids.filter((token) => tokenProblem(token) === undefined);
  if (tokens.length === 0) return refusal("no valid registration ids");
  return answer(() =>
    operation === "create"
      ? groups.create(name, tokens, { timeoutMs })
      : groups[operation](name, tokens, { timeoutMs, notificationKey: notificationKey as string }),
  );
}

async function answer(call: () => Promise<DeviceGroupResult>): Promise<HttpAnswer> {
  let result: DeviceGroupResult;
  try {
    result = await call();
  } catch (error) {
    // a name or a list that no service takes
    if (isCloudMessagingError(error) && error.code === "ERR_INVALID_OPTIONS") return refusal(error.message);
    throw error;
  }
  if (result.kind === "ok") return jsonAnswer(200, { notification_key: result.notificationKey });
  return failedCall(result) ?? refusal(result.service?.error ?? result.code);
}

function refusal(error: string): HttpAnswer {
  return jsonAnswer(400, { error });
}
