// Runs the same program twice against the emulator: as it was written for node-gcm, and with only its import changed.
//
//   npm run setup && node examples/node-gcm-migrate.mjs

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
try {
  for (const program of ["before", "after"]) {
    const { endpoint, apiKey } = emulator.httpOptions();
    const fresh = emulator.createDevice();
    const superseded = emulator.createDevice();
    const oldToken = superseded.token;
    superseded.reregister(`new-token-${program}`);
    const gone = emulator.createDevice();
    gone.unregister();
    const busy = emulator.createDevice();
    emulator.faults.next({ token: busy.token, error: "unavailable" });

    console.log(`${program}:`);
    const file = fileURLToPath(new URL(`migrate/node-gcm/${program}.mjs`, import.meta.url));
    const child = spawn(process.execPath, [file, fresh.token, oldToken, gone.token, busy.token], {
      env: { ...process.env, GCM_URI: endpoint, SERVER_KEY: apiKey },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [status] = await once(child, "exit");
    if (status !== 0) throw new Error(`${program} ended with status ${status}`);
  }
} finally {
  await emulator.close();
}
