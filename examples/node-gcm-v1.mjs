// The last step away from GCM: with a service account instead of the server key, node-gcm's calls reach phones over FCM HTTP v1.
//
//   npm run setup && node examples/node-gcm-v1.mjs

import { startEmulator } from "@cloud-messaging/emulator";
import gcm from "@cloud-messaging/node-gcm";

const emulator = await startEmulator();
const device = emulator.createDevice();
const gone = emulator.createDevice();
gone.unregister();
try {
  // with a project of your own: new gcm.Sender(serviceAccount), and no options
  const { credential, ...options } = emulator.fcmOptions();
  const sender = new gcm.Sender(credential, options);
  const message = new gcm.Message({ data: { match: "final", score: 3 } });

  const response = await sender.send(message, {
    registrationTokens: [device.token, gone.token],
  });
  console.log(`${response.success} accepted, ${response.failure} refused: ${response.results?.[1]?.error}`);
  const received = await device.waitFor(() => true);
  console.log(`the device got score ${received.data.score}`);
  await sender.close();
} finally {
  await emulator.close();
}
