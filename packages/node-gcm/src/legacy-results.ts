/** @deprecated Kept for programs that construct one: no send returns it, as in node-gcm. */
export interface Result {
  messageId: string | undefined;
  canonicalRegistrationId: string | undefined;
  errorCode: string | undefined;
}

/** Constructor of `Result`. */
export interface ResultConstructor {
  new (): Result;
  readonly prototype: Result;
}

// functions, not classes, as in node-gcm: the compiler has no type for `new` of a function
function ResultFunction(this: Result): void {
  warn("Result");
  Object.assign(this, { messageId: undefined, canonicalRegistrationId: undefined, errorCode: undefined });
}
Object.defineProperty(ResultFunction, "name", { value: "Result" });

/** @deprecated Kept for programs that construct one. */
export const Result = ResultFunction as unknown as ResultConstructor;

/** @deprecated Kept for programs that construct one, in node-gcm's spelling: no send returns it, as in node-gcm. */
export interface MulitcastResult {
  success: number | undefined;
  failure: number | undefined;
  canonicalIds: number | undefined;
  multicastId: number | undefined;
  results: Result[];
  retryMulticastIds: number[];
  /** Appends one result. */
  addResult(result: Result): void;
  /** Sum of `success` and `failure`. */
  getTotal(): number;
}

/** Constructor of `MulitcastResult`, with `new` and without. */
export interface MulitcastResultConstructor {
  new (): MulitcastResult;
  (): MulitcastResult;
  readonly prototype: MulitcastResult;
}

function MulitcastResultFunction(this: unknown): unknown {
  if (!(this instanceof MulitcastResultFunction)) return new MulitcastResult();
  warn("MulitcastResult");
  Object.assign(this as object, {
    success: undefined,
    failure: undefined,
    canonicalIds: undefined,
    multicastId: undefined,
    results: [],
    retryMulticastIds: [],
  });
  return undefined;
}
Object.assign(MulitcastResultFunction.prototype as object, {
  addResult(this: MulitcastResult, result: Result): void {
    this.results.push(result);
  },
  getTotal(this: MulitcastResult): number {
    return (this.success ?? Number.NaN) + (this.failure ?? Number.NaN);
  },
});
Object.defineProperty(MulitcastResultFunction, "name", { value: "MulitcastResult" });

/** @deprecated Kept for programs that construct one. */
export const MulitcastResult = MulitcastResultFunction as unknown as MulitcastResultConstructor;

function warn(name: string): void {
  process.emitWarning(
    `${name} is deprecated, as in node-gcm: read the response that send() gives`,
    "DeprecationWarning",
  );
}
