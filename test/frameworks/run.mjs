// npm run test:frameworks: the tests of the examples for frameworks, each in the runner that the framework's users use, all at a time.
// Ends with a line "N passed, N failed".
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../packaging/matrix/shell.mjs";

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), "../../examples");
/** Last counts that a runner prints: jest's, or those of node:test in either of its formats. */
const COUNTS = {
  jest: [/^Tests:.*?(\d+) passed/m, /^Tests:.*?(\d+) failed/m],
  "node:test": [/^(?:#|ℹ) pass (\d+)/m, /^(?:#|ℹ) fail (\d+)/m],
};
const SUITES = { nestjs: "jest", express: "jest", fastify: "node:test", lambda: "node:test" };

async function test(name) {
  const options = { cwd: join(EXAMPLES, name), env: { CI: "true", NO_COLOR: "1" } };
  const { printed, isFailed } = await run("npm", ["test"], options).then(
    (printed) => ({ printed, isFailed: false }),
    (error) => ({ printed: error.message, isFailed: true }),
  );
  console.log(`== ${name}\n${printed}`);
  const [passed, failed] = COUNTS[SUITES[name]].map((pattern) => Number(pattern.exec(printed)?.[1] ?? 0));
  // a suite that has ended without its tests has failed
  return { passed, failed: failed === 0 && (isFailed || passed === 0) ? 1 : failed };
}

const results = await Promise.all(Object.keys(SUITES).map(test));
const sum = (counts) => counts.reduce((one, other) => one + other, 0);
const failed = sum(results.map((result) => result.failed));
console.log(`${sum(results.map(({ passed }) => passed))} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
