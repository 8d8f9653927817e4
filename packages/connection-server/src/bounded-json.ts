export { parseBoundedJson } from "@cloud-messaging/core/wire";
