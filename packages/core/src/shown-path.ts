/** Absolute or with a file's extension, and without a part that could be a key. */
const CERTAINLY_A_PATH =
  /^(?=~?\.{0,2}[\\/]|[A-Za-z]:[\\/]|.*\.\w{1,8}$)(?:[\w .@:~()-]{0,39}[\\/])*[\w .@:~()-]{1,64}$/;

/** Gives a path as an error may show it: a key may have been given in the place of the file that holds it. */
export function shownPath(path: string): string {
  return CERTAINLY_A_PATH.test(path)
    ? path
    : `(a name of ${path.length} characters, not shown since it may be a secret; the path of a file is wanted)`;
}
