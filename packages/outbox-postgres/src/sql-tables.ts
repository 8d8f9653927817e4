import type { SchemaNames } from "@cloud-messaging/postgres";

/** Tables and their indexes, in the schema of this quoted name. Instants are milliseconds since the epoch. Version 1. */
export const tables = ({ s }: SchemaNames): string => `
CREATE TABLE ${s}.submission (
  id text COLLATE "C" PRIMARY KEY,
  key text,                                       -- as a JSON string: it may have characters that PostgreSQL's text cannot
  key_hash bytea UNIQUE,
  lane text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  state text NOT NULL DEFAULT 'running',
  sealed boolean NOT NULL,
  per_minute double precision,                    -- its pace
  ramp_ms double precision,
  pace_started double precision,
  hold_until double precision NOT NULL DEFAULT 0, -- held back by its pace until then
  created_at double precision NOT NULL,
  send_at double precision,
  finished_at double precision,
  chunks integer NOT NULL,
  recipients bigint NOT NULL,
  pending bigint NOT NULL,
  counts jsonb NOT NULL
) WITH (fillfactor = 50, toast_tuple_target = 256);
CREATE INDEX submission_paced ON ${s}.submission (lane, hold_until)
  WHERE per_minute IS NOT NULL AND finished_at IS NULL AND state <> 'paused';
CREATE INDEX submission_finished ON ${s}.submission (finished_at) WHERE finished_at IS NOT NULL;

-- recipients: written once
CREATE TABLE ${s}.chunk (
  submission text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  size integer NOT NULL,
  recipients bytea NOT NULL,
  PRIMARY KEY (submission, number)
);

-- chunks with unsettled recipients
CREATE TABLE ${s}.work (
  submission text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  lane text COLLATE "C" NOT NULL,
  free boolean NOT NULL,                          -- its submission is neither paused nor has it a pace
  due_at double precision NOT NULL,
  lease text,
  lease_until double precision NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 0,
  pending integer NOT NULL,
  state bytea NOT NULL,
  PRIMARY KEY (submission, number)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX work_due ON ${s}.work (lane, due_at, submission, number) WHERE free;
CREATE INDEX work_paced ON ${s}.work (submission, due_at, number) WHERE NOT free;

-- changes of the number of unsettled recipients: summed up now and then, so that no two transactions wait for a counter
CREATE TABLE ${s}.backlog (
  lane text COLLATE "C" NOT NULL,
  recipients bigint NOT NULL
);

CREATE SEQUENCE ${s}.place;
CREATE TABLE ${s}.result (
  place bigint PRIMARY KEY DEFAULT nextval('${s}.place'),
  submission text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  at double precision NOT NULL,
  failed integer NOT NULL,
  body bytea NOT NULL
);
CREATE INDEX result_submission ON ${s}.result (submission, place);
CREATE INDEX result_failed ON ${s}.result (place) WHERE failed > 0;
CREATE INDEX result_submission_failed ON ${s}.result (submission, place) WHERE failed > 0;
`;
