// Stands for Lambda's runtime: invokes the handler in this process for each message of the parent, and tells what has stayed open.
import { createHandler } from "../handler.mjs";

const LIMIT_MS = 30_000;
const systemNow = Date.now;
const handler = createHandler(JSON.parse(process.env.FCM_OPTIONS));
const openResources = () => process.getActiveResourcesInfo().sort();

process.on("message", async ({ records, aheadMs }) => {
  // the wall clock, after a freeze
  Date.now = () => systemNow() + aheadMs;
  const deadline = performance.now() + LIMIT_MS;
  const before = openResources();
  const context = { getRemainingTimeInMillis: () => deadline - performance.now() };
  const result = await handler({ Records: records }, context).catch((error) => ({ error: error.stack }));
  // what ends with this turn of the event loop is not open
  await new Promise(setImmediate);
  process.send({ result, before, after: openResources() });
});
process.send("ready");
