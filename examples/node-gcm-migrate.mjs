// Runs the same program twice against the emulator: as it was written for node-gcm, and with only its import changed.
//
//   npm run setup && node examples/node-gcm-migrate.mjs

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
try {
  for (const program of ["node-gcm-before.mjs", "node-gcm-after.mjs"]) {
    const { endpoint, apiKey } = emulator.httpOptions();
    const fresh = emulator.createDevice();
    const superseded = emulator.createDevice();
    const oldToken = superseded.token;
    superseded.reregister(`${program}-new-token`);
    const gone = emulator.createDevice();
    gone.unregister();
    const busy = emulator.createDevice();
    emulator.faults.next({ token: busy.token, error: "unavailable" });

    console.log(`${program}:`);
    const child = spawn(process.execPath, [fileURLToPath(new URL(program, import.meta.url))], {
      env: {
        ...process.env,
        GCM_URI: endpoint,
        GCM_KEY: apiKey,
        TOKENS: [fresh.token, oldToken, gone.token, busy.token].join(","),
      },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [status] = await once(child, "exit");
    if (status !== 0) throw new Error(`${program} ended with status ${status}`);
  }
} finally {
  await emulator.close();
}
