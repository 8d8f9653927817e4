// The part of zod that schemas are made of. The bundle holds this part and no more, in one file: loading all of zod, with its hundred files,
// takes longer than loading everything else.

export type * from "zod";
export {
  array,
  boolean,
  custom,
  discriminatedUnion,
  enum,
  instanceof,
  int,
  int32,
  iso,
  literal,
  looseObject,
  NEVER,
  number,
  object,
  preprocess,
  record,
  strictObject,
  string,
  toJSONSchema,
  union,
  unknown,
} from "zod";
