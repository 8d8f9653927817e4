/** Puts a part of the page between its markers. */
export function withPart(page: string, name: string, text: string): string;
/** The page with its parts as the program has them. */
export function cliPage(
  page: string,
  program: {
    createCommandLine(): { help(command?: string): string; readonly commands: readonly string[] };
    readonly CHECK_PROBLEMS: Readonly<Record<string, { readonly meaning: string; readonly cure: string }>>;
  },
): string;
