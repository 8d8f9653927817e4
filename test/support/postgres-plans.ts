import pg from "pg";

/** Node of a plan, as `EXPLAIN (FORMAT JSON)` names its parts. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly Operation?: string;
  readonly "Conflict Arbiter Indexes"?: readonly string[];
  readonly Plans?: readonly PlanNode[];
}

/** Query that a call ran, those inside functions included. */
export interface PlannedQuery {
  /** Text on one line. */
  readonly query: string;
  /** Scans and writes of tables in its plan, each once: node, and index or table. */
  readonly nodes: readonly string[];
  /** Tables that are scanned from end to end. */
  readonly scanned: readonly string[];
}

/** A pool of one connection, and the plans of what its server runs for it. */
export interface PlannedPool {
  readonly pool: pg.Pool;
  /** Begins to record: until then, tables can be filled at full speed. */
  record(): Promise<void>;
  /** Runs a call seven times: from the sixth on, a prepared statement may have a plan for any values. */
  planned(call: (n: number) => unknown): Promise<readonly PlannedQuery[]>;
}

/** Opens a pool whose server tells the plan of each statement that it runs. */
export function openPlannedPool(connectionString: string): PlannedPool {
  const pool = new pg.Pool({ connectionString, max: 1 });
  let found = new Map<string, PlannedQuery>();
  pool.on("connect", (client) => {
    client.on("notice", ({ message = "" }) => {
      const at = message.indexOf("plan:\n");
      if (at < 0) return;
      const told = message.slice(at + "plan:\n".length);
      if (!found.has(told)) found.set(told, readPlan(told));
    });
  });
  return {
    pool,
    async record() {
      await pool.query(`LOAD 'auto_explain';
        SET auto_explain.log_nested_statements = on;
        SET auto_explain.log_format = json;
        SET client_min_messages = log;
        SET auto_explain.log_min_duration = 0`);
    },
    async planned(call) {
      found = new Map();
      for (let n = 1; n <= 7; n++) await call(n);
      return [...found.values()];
    },
  };
}

function readPlan(told: string): PlannedQuery {
  const { "Query Text": text, Plan: plan } = JSON.parse(told) as { "Query Text": string; Plan: PlanNode };
  const all = flat(plan);
  const scanned = all.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"] ?? "");
  return { query: text.replace(/\s+/g, " ").trim(), nodes: [...new Set(all.flatMap(wordsOf))], scanned };
}

function flat(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}

function wordsOf(node: PlanNode): string[] {
  const { "Node Type": type, "Index Name": index, "Relation Name": table, Operation: operation } = node;
  if (type === "ModifyTable") {
    const arbiters = node["Conflict Arbiter Indexes"] ?? [];
    return [`${operation} \`${table}\``, ...arbiters.map((arbiter) => `conflicts by \`${arbiter}\``)];
  }
  if (index !== undefined) return [`${type} \`${index}\``];
  return type === "Seq Scan" ? [`${type} \`${table}\``] : [];
}
