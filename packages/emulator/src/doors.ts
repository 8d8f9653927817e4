import type { HttpRoute } from "./http-server.ts";
import { deviceGroupsDoor } from "./servers/device-groups.ts";
import type { DoorContext, HttpDoor } from "./servers/door.ts";
import { gcmHttpDoor } from "./servers/gcm-http.ts";
import { instanceIdDoor } from "./servers/instance-id.ts";

/** Every door of the service over HTTP. To add one, add its line. */
const DOORS: readonly HttpDoor[] = [gcmHttpDoor, deviceGroupsDoor, instanceIdDoor];

/** The routes of all doors. */
export function serviceRoutes(context: DoorContext): HttpRoute[] {
  return DOORS.flatMap((door) => door(context));
}
