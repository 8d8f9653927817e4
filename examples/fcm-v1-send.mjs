// FCM HTTP v1 end to end: a service account gets an access token, a message goes to three devices, and the store is kept
// up to date: one device was uninstalled, one has moved on to a Firebase Installation ID.
//
//   npm run setup && node examples/fcm-v1-send.mjs
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const fid = "cEXAMPLE90123456789abc";
const phone = emulator.createDevice({ name: "phone" });
const tablet = emulator.createDevice({ name: "tablet", token: `${fid}:APA91b-from-before-installation-ids` });
const lost = emulator.createDevice({ name: "lost phone" });
lost.unregister();

const registrations = createMemoryRegistrationStore();
registrations.onChange((change) => console.log(`store: ${change.type}`));
for (const device of [phone, tablet, lost]) registrations.register("ann", device.token);
registrations.register("ann", fid); // the tablet's app was updated and reports its installation ID

// with a project of your own: createFcmSender({ credential: "service-account.json", registrations })
const sender = createFcmSender({ ...emulator.fcmOptions(), registrations });
try {
  const report = await sender.sendToUser("ann", {
    notification: { title: "Goal!", body: "5 : 1" },
    data: { match: "final" },
    timeToLiveSec: 3600,
    android: { notification: { channelId: "scores" } },
    apns: { payload: { aps: { "interruption-level": "time-sensitive" } } },
  });
  for (const outcome of report.outcomes) {
    const name = emulator.deviceOf(outcome.recipient)?.name ?? "lost phone";
    console.log(`${name}: ${outcome.kind}${"code" in outcome ? ` (${outcome.code})` : ""}`);
  }
  console.log(`ann has ${registrations.registrationsOf("ann").length} registrations left`);
} finally {
  await sender.close();
  await emulator.close();
}
