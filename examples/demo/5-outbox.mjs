// The outbox: a worker is killed in mid-campaign, another finishes, nobody is left out.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createOutbox } from "@cloud-messaging/outbox";

const WORKER = fileURLToPath(new URL("../outbox-worker.mjs", import.meta.url));
const RECIPIENTS = 3_000;

export async function outboxSurvives({ emulator, narrator }) {
  const folder = mkdtempSync(join(tmpdir(), "outbox-demo-"));
  const outbox = createOutbox({ path: folder });
  const { endpoint, apiKey } = emulator.httpOptions();
  const env = { ...process.env, OUTBOX: folder, ENDPOINT: String(endpoint), API_KEY: apiKey, LEASE_MS: "1000" };
  const startWorker = () => spawn(process.execPath, [WORKER], { env, stdio: "ignore" });
  const workers = [];
  const killAll = () => {
    for (const worker of workers) worker.kill("SIGKILL");
  };
  process.once("exit", killAll);
  try {
    const tokens = Array.from({ length: RECIPIENTS }, () => emulator.createDevice().token);
    const { id } = await outbox.enqueueAll({ data: { mark: "campaign" } }, tokens, { key: "campaign" });
    narrator.say("good", "the outbox", `has a campaign to ${RECIPIENTS} on disk`, { event: "outbox-stored" });

    // slow enough to be killed in the middle
    await outbox.setRate(id, { perMinute: 60_000, rampMs: 0 });
    workers.push(startWorker());
    let progress = await outbox.progress(id);
    while (progress.settled === 0) {
      await sleep(20);
      progress = await outbox.progress(id);
    }
    workers[0].kill("SIGKILL");
    await once(workers[0], "close");
    const { settled } = await outbox.progress(id);
    narrator.say("bad", "a worker", `is killed after ${settled} recipients`, { event: "outbox-killed", settled });

    workers.push(startWorker());
    do {
      await sleep(50);
      progress = await outbox.progress(id);
    } while (progress.pending > 0);
    let copies = 0;
    for await (const { outcome } of outbox.results({ id })) copies += outcome.unansweredCopies ?? 0;
    const lost = RECIPIENTS - (progress.kinds.accepted ?? 0);
    narrator.say(
      lost === 0 ? "good" : "bad",
      "another worker",
      `finishes: ${progress.kinds.accepted} accepted, ${lost} lost, ${copies} possible copies told`,
      { event: "outbox-finished", lost, copies },
    );
    workers[1].kill("SIGTERM");
    await once(workers[1], "close");
    return lost;
  } finally {
    killAll();
    process.off("exit", killAll);
    await outbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
