import type { EmulatorRoute } from "./emulator-http.ts";
import { deviceGroupsDoor } from "./servers/device-groups.ts";
import type { DoorContext, HttpDoor } from "./servers/door.ts";
import { instanceIdDoor } from "./servers/instance-id.ts";
import { oauthDoor } from "./servers/oauth.ts";
import { fcmV1Door, gcmHttpDoor } from "./servers/sending.ts";
import { topicSubscriptionsDoor } from "./servers/topic-subscriptions.ts";

/** Every door of the service over HTTP. To add one, add its line. */
const DOORS: readonly HttpDoor[] = [
  gcmHttpDoor,
  fcmV1Door,
  oauthDoor,
  deviceGroupsDoor,
  instanceIdDoor,
  topicSubscriptionsDoor,
];

/** The routes of all doors. */
export function serviceRoutes(context: DoorContext): EmulatorRoute[] {
  return DOORS.flatMap((door) => door(context));
}
