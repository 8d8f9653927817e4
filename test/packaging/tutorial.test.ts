import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { afterAll, describe, expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");
const tutorial = join(root, "examples/tutorial");
const run = async (file: string, variables: Readonly<Record<string, string>> = {}) =>
  (await promisify(execFile)(process.execPath, [file], { env: programEnvironment({ NO_COLOR: "1", ...variables }) }))
    .stdout;

describe("the tutorial", () => {
  const page = readFileSync(join(root, "docs/tutorial.md"), "utf8");
  const steps = readdirSync(tutorial);

  it("shows every step in order, as its folder has it", () => {
    const shown = [...page.matchAll(/^```js file=(\S+)\n([\s\S]*?)^```/gm)].map(([, file, code]) => [file, code]);
    expect(shown).toEqual(
      steps.map((step) => [`${step}/index.mjs`, readFileSync(join(tutorial, step, "index.mjs"), "utf8")]),
    );
  });

  it.each(steps)("prints for step %s what the page says", async (step) => {
    const [, printed] =
      new RegExp(`file=${step}/index\\.mjs\\n[\\s\\S]*?^\`\`\`text\\n([\\s\\S]*?)^\`\`\``, "m").exec(page) ?? [];
    expect(await run(join(tutorial, step, "index.mjs"))).toBe(printed);
  });
});

describe("whole programs of the pages", () => {
  // below the examples, where the packages are found as they were built
  const folder = mkdtempSync(join(root, "examples", ".pages-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["start.md", "first.mjs", "accepted\nthe phone shows: Hello\n"],
    ["testing.md", "failures.mjs", "2\nunregistered\n"],
    ["testing.md", "welcome.node.mjs", /pass 1[\s\S]*fail 0/],
    ["flow-control.md", "backpressure.mjs", "1000 accepted\n"],
    ["flow-control.md", "draining.mjs", "draining: connection 1\n200 accepted\n200 on the phone\n"],
    ["receipts.md", "receipt.mjs", "accepted\nMESSAGE_SENT_TO_DEVICE\n"],
    ["receipts.md", "receipts.mjs", "accepted - on the phone: 0\norder 17: MESSAGE_SENT_TO_DEVICE\n"],
    ["campaigns.md", "campaign.mjs", "3 of 3: 2 accepted\nto Mary: true unregistered\n"],
    ["platforms.md", "platforms.mjs", "accepted,accepted,accepted\n"],
    ["projects.md", "projects.mjs", "accepted shop\nthe app of the shop: 1 the app of the news: 0\n"],
    [
      "keys.md",
      "private-ca.mjs",
      "rejected untrusted-certificate\nthe key is seen: false\naccepted \nthe key is seen: false\n",
    ],
    ["testing.md", "order.container.mjs", /pass 1[\s\S]*fail 0/],
  ])("%s: %s runs as written", async (page, file, printed) => {
    const text = readFileSync(join(root, "docs", page), "utf8");
    const [, code = ""] = new RegExp(`^\`\`\`js file=${file}\\n([\\s\\S]*?)^\`\`\``, "m").exec(text) ?? [];
    writeFileSync(join(folder, file), code);
    // for those that talk to an emulator in another process
    await using emulator = await startEmulator();
    const output = await run(join(folder, file), {
      CLOUD_MESSAGING_EMULATOR_HOST: new URL(emulator.httpUrl).host,
    });
    if (typeof printed === "string") expect(output).toBe(printed);
    else expect(output).toMatch(printed);
  });
});
