// Database servers as the tests start them: on free loopback ports, in temporary folders.
import { fileURLToPath } from "node:url";

const support = async (name) => {
  const file = fileURLToPath(new URL(`../../test/support/${name}.ts`, import.meta.url));
  // here, since the processes that are measured import this file too, and start no server
  const { runnerImport } = await import("vite");
  const { module } = await runnerImport(file, { configFile: false, logLevel: "error" });
  return module;
};

/** Starts PostgreSQL with its defaults: synchronised at each commit. */
export const startPostgres = async () => (await support("postgres")).startPostgres({ fsync: "on" });

/** Starts Redis: append-only file, synchronised at each write. */
export const startRedis = async () => (await support("redis")).startRedis({ appendfsync: "always" });

/** A canned server of the benchmark, in front of one of these. */
export const asServer = (start) => async () => {
  const server = await start();
  return { value: server.url, close: () => server[Symbol.asyncDispose]() };
};
