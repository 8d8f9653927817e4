import { jsonAnswer } from "@cloud-messaging/connection-server";
import type { EmulatedDevice } from "../emulated-device.ts";
import { type CallInput, CallProblem, type ControlCall, done, ok, withBody } from "./call.ts";

/** Calls for devices and their apps. */
export const DEVICE_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/devices",
    summary: "All devices and the apps on them",
    run: ({ emulator }) => ok({ devices: emulator.devices }),
  },
  withBody({
    method: "POST",
    path: "/devices",
    summary: "Makes a device with an app",
    body: "createDevice",
    run: ({ emulator, body }) => jsonAnswer(201, emulator.createDevice(body)),
  }),
  {
    method: "GET",
    path: "/devices/:id",
    summary: "One app, by its ID or by any of its tokens",
    run: (call) => ok(deviceOf(call)),
  },
  withBody({
    method: "PATCH",
    path: "/devices/:id",
    summary: "Connects or disconnects it, makes it idle or active",
    body: "changeDevice",
    run(call) {
      const device = deviceOf(call);
      const { connected, idle, confirmReceipts } = call.body;
      if (confirmReceipts !== undefined) device.confirmReceipts = confirmReceipts;
      if (idle !== undefined) device.setIdle(idle);
      if (connected === true) device.connect();
      if (connected === false) device.disconnect();
      return ok(device);
    },
  }),
  {
    method: "DELETE",
    path: "/devices/:id",
    summary: "Takes it out of the emulator",
    run(call) {
      deviceOf(call).remove();
      return done();
    },
  },
  withBody({
    method: "POST",
    path: "/devices/:id/apps",
    summary: "Puts another app on the same device",
    body: "createDevice",
    run: (call) => jsonAnswer(201, deviceOf(call).installApp(call.body)),
  }),
  withBody({
    method: "POST",
    path: "/devices/:id/reregister",
    summary: "Registers the app again: a new canonical token, the old one is superseded",
    body: "reregister",
    run(call) {
      const device = deviceOf(call);
      device.reregister(call.body.token);
      return ok(device);
    },
  }),
  {
    method: "POST",
    path: "/devices/:id/uninstall",
    summary: "Removes the app; the service finds out at the next delivery",
    run(call) {
      const device = deviceOf(call);
      device.uninstall();
      return ok(device);
    },
  },
  {
    method: "POST",
    path: "/devices/:id/unregister",
    summary: "The app unregisters: its tokens stop working at once",
    run(call) {
      const device = deviceOf(call);
      device.unregister();
      return ok(device);
    },
  },
  {
    method: "GET",
    path: "/devices/:id/received",
    summary: "Messages that the app received",
    run: (call) => ok({ received: deviceOf(call).received }),
  },
  withBody({
    method: "POST",
    path: "/devices/:id/upstream",
    summary: "Sends an upstream message",
    body: "upstream",
    run(call) {
      const { data, ...options } = call.body;
      return jsonAnswer(202, { messageId: deviceOf(call).sendUpstream(data, options).messageId });
    },
  }),
  withBody({
    method: "POST",
    path: "/devices/:id/confirm",
    summary: "Confirms a message that asked for a receipt",
    body: "confirm",
    run(call) {
      if (!deviceOf(call).confirmReceipt(call.body.messageId))
        throw new CallProblem(404, "no such message waits for it");
      return done();
    },
  }),
  withBody({
    method: "POST",
    path: "/devices/:id/topics",
    summary: "Subscribes to a topic",
    body: "topic",
    run(call) {
      const device = deviceOf(call);
      device.subscribe(call.body.topic);
      return ok(device);
    },
  }),
  {
    method: "DELETE",
    path: "/devices/:id/topics/:topic",
    summary: "Unsubscribes from a topic",
    run(call) {
      deviceOf(call).unsubscribe(call.request.params["topic"] ?? "");
      return done();
    },
  },
];

function deviceOf({ emulator, request }: CallInput<unknown>): EmulatedDevice {
  const id = request.params["id"] ?? "";
  const device = emulator.device(id) ?? emulator.deviceOf(id);
  if (device === undefined) throw new CallProblem(404, "no such device");
  return device;
}
