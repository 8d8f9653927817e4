// Device groups: one key for all the devices of a user.
import { startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createGcmSender } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const [phone, tablet, watch] = [emulator.createDevice(), emulator.createDevice(), emulator.createDevice()];
const { apiKey, senderId } = emulator.ccsOptions();

const groups = createDeviceGroups({ apiKey, senderId, endpoint: `${emulator.httpUrl}/fcm/notification` });
const sender = createGcmSender(emulator.httpOptions());

try {
  const created = await groups.create("user-7", [phone.token, tablet.token]);
  console.log("created:", created.kind);
  const again = await groups.create("user-7", [phone.token]);
  console.log("created again:", again.kind, again.code);

  const added = await groups.add("user-7", [watch.token]);
  if (added.kind !== "ok") throw new Error(added.code);
  const { notificationKey } = added; // always the newest one

  const { outcome } = await sender.send({ target: { notificationKey }, data: { mail: "3 new" } });
  const { kind, group } = outcome;
  console.log("sent to the group:", kind, `${group.success} devices, ${group.failure} failed`);

  console.log("removed:", (await groups.remove("user-7", [phone.token, tablet.token, watch.token])).kind);
  const gone = await groups.find("user-7");
  console.log("looked up after the last member left:", gone.kind, gone.code ?? "");
} finally {
  await sender.close();
  await groups.close();
  await emulator.close();
}
