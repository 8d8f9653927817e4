import * as z from "../zod.ts";

/** The problem of text that was cut in the middle of a character: it has no form in UTF-8, so no wire carries it. */
export const LONE_SURROGATE =
  "holds half a surrogate pair, which is no text: it was probably cut in the middle of a character";

/** Checks text of any length that is well-formed Unicode. */
export const TextSchema = z.string().refine((text) => text.isWellFormed(), LONE_SURROGATE);

/** Checks text that is well-formed Unicode and not empty. */
export const NonEmptyTextSchema = TextSchema.min(1, "must not be empty");
