import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { AuthenticationError, ClosedError, CloudMessagingError } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { errorsPage } from "../../scripts/identity.mjs";
import { slug } from "../../site/pages.mjs";
import { programEnvironment } from "../support/program-environment.ts";
import { MISTAKES, thrownBy, WARNED } from "../support/thrown-errors.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/errors.md"), "utf8");
/** Sections of codes: heading and text. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      return [heading.replaceAll("`", ""), lines.join("\n").replace(/^## [\s\S]*/m, "")] as const;
    }),
);
const sources = readdirSync(join(root, "packages")).flatMap((name) =>
  readdirSync(join(root, "packages", name, "src"), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".ts") && !/\.(test|test-d|test-support)\.ts$/.test(file))
    .map((file) => readFileSync(join(root, "packages", name, "src", file), "utf8")),
);
const found = (pattern: RegExp) => sources.flatMap((text) => [...text.matchAll(pattern)].map(([, code = ""]) => code));

/** Message of an example in a section: what it quotes. */
const quoted = (section = "") => [...section.matchAll(/^> (.*)$/gm)].map(([, line]) => line).join(" ");

describe("the page of errors and warnings", () => {
  const errors = [...found(/extends \w+<"(ERR_\w+)">/g), ...found(/readonly code = "(ERR_\w+)"/g)];
  const warnings = found(/warn\([\w.#]+, "(\w+)"/g);

  it("has a section for each code of the packages, and for nothing else", () => {
    expect(errors.length).toBeGreaterThan(15);
    expect(warnings.length).toBeGreaterThan(2);
    expect([...sections.keys()].toSorted()).toEqual([...new Set([...errors, ...warnings])].toSorted());
  });

  it("cannot miss a class of errors: each names its code", () => {
    const withoutCode = found(/class (\w+)(?:<[^{]*?>)? extends (?:CloudMessagingError|InvalidInputError)\b(?!<")/g);
    // the base of those whose input is wrong: each of them has a code of its own
    expect(withoutCode).toEqual(["InvalidInputError"]);
  });

  it("is in the package of core, where errors say that it is", () => {
    expect(new ClosedError("The sender").docs).toBe(`${errorsPage()}#err_closed`);
    expect(readFileSync(join(root, "packages/core/docs/errors.md"), "utf8")).toContain("### `ERR_CLOSED`");
  });

  it.each(errors)(
    "shows %s as it is thrown, with an address that leads to its section and is no part of the message",
    async (code) => {
      expect(Object.keys(MISTAKES)).toContain(code);
      const error = await thrownBy(code);
      expect(error.code, error.stack).toBe(code);
      expect(quoted(sections.get(code))).toBe(error.message);
      if (!(error instanceof CloudMessagingError)) return;
      expect(error.docs).toBe(`${errorsPage()}#${slug(code)}`);
      expect(describeError(error)).not.toContain("errors.md");
    },
  );

  it.each(Object.entries(WARNED))(
    "shows the warning %s as it is emitted, and names its section",
    async (code, call) => {
      const warnings: Error[] = [];
      const collect = (warning: Error) => warnings.push(warning);
      process.on("warning", collect);
      await call();
      // Node emits a warning in the next tick
      await setImmediate();
      process.off("warning", collect);
      const warning = warnings.find((each) => "code" in each && each.code === code);
      expect(warning).toMatchObject({ name: "CloudMessagingWarning", detail: `See ${errorsPage()}#${slug(code)}` });
      expect(quoted(sections.get(code))).toBe(warning?.message);
    },
  );

  it("is named in what Node prints of an error that nobody catches", async () => {
    const program = `import { ClosedError } from "@cloud-messaging/core"; throw new ClosedError("The sender");`;
    const { stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      env: programEnvironment({ NO_COLOR: "1" }),
    }).catch((error: { readonly stderr: string }) => error);
    const printed = stderr.slice(stderr.indexOf("ClosedError: "));
    const [, shown = ""] = /^```text\n(ClosedError[\s\S]*?)```/m.exec(page) ?? [];
    expect(printed.replace(/^ {4}at .*\n/gm, "").replace(/\n\nNode\.js.*\s*$/, "\n")).toBe(
      shown.replace(/^ {4}at .*\n/gm, ""),
    );
  });
});

describe("the address that an error names", () => {
  it("shows in a log that has the fields of errors, and not in one that has their text", () => {
    const error = new AuthenticationError("refused");
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: "ERR_AUTHENTICATION", docs: error.docs });
    expect(String(error)).toBe("AuthenticationError: refused");
  });
});
