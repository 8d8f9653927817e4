/**
 * Environment for a program whose standard error has to stay empty: without the variable that Node itself warns of. Clients are tested
 * under that variable by themselves.
 */
export function programEnvironment(variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: undefined, ...variables };
}
