// A chat back end stores which devices belong to which user.
import { startEmulator } from "@cloud-messaging/emulator";
import { createMemoryRegistrationStore } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const adasPhone = emulator.createDevice({ name: "Ada's phone" }); // in production the app sends its token to your server

const registrations = createMemoryRegistrationStore();
registrations.register("ada", adasPhone.token, { platform: "android" });
for (const { userId, platform } of registrations.registrationsOf("ada")) console.log(userId, "has a device:", platform);

try {
  registrations.register("ada", "not a token");
} catch (error) {
  console.log(error.code);
}
await emulator.close();
