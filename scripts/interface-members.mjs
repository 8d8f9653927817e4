// Members of an interface with what is said of each, read from its declaration as `tsc` writes it.

/** A docstring without its stars. */
const proseOf = (doc) =>
  doc
    .replace(/^\s*\/\*\*\s?|\s*\*\/\s*$/g, "")
    .replace(/^\s*\* ?/gm, "")
    .trim();

/** A docstring in one line: the text, and the default. Examples, sources and errors are left to the reference. */
export function readDoc(doc) {
  const [text = "", ...tags] = proseOf(doc)
    .replace(/\{@link (\S+?)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .split(/(?:^|\s+)@(?=\w)/);
  const [defaultValue] = tags.filter((tag) => tag.startsWith("defaultValue ")).map((tag) => tag.slice(13).trim());
  return { text, defaultValue };
}

/**
 * Members at the top of an interface.
 *
 * @returns {{name: string, optional: boolean, type: string, text: string, defaultValue: string | undefined}[]}
 */
export function membersOf(declaration) {
  const members = [];
  let doc = "";
  let text = "";
  for (const line of declaration.split("\n").slice(1, -1)) {
    const isComment = text === "" && (/^ {4}\/\*\*/.test(line) || (doc !== "" && !doc.trimEnd().endsWith("*/")));
    if (isComment) doc += `${line}\n`;
    else text += `${line.trim()} `;
    // the last line of a member stands at its own depth
    if (isComment || !/^ {4}\S.*;$/.test(line)) continue;
    const [, name, optional, type = ""] =
      /^(?:readonly )?"?(\w[\w-]*(?::[\w-]+)*)"?(\??)(?:: )?(.*);/.exec(text.trim()) ?? [];
    if (name !== undefined) members.push({ name, optional: optional === "?", type: plain(type), ...readDoc(doc) });
    doc = "";
    text = "";
  }
  return members;
}

/** A type as a reader wants it: without `readonly` and comments, in one line. */
function plain(type) {
  return type
    .replace(/\/\*\*.*?\*\//g, "")
    .replace(/\breadonly (?=[\w[({])/g, "")
    .replace(/\(string & \{\}\)/g, "string")
    .replace(/; \}/g, " }")
    .replace(/\s+/g, " ")
    .trim();
}
