import type { SchemaNames } from "@cloud-messaging/postgres";

/** Tables and their indexes, in the schema of this quoted name. Version 1. */
export const tables = ({ s }: SchemaNames): string => `
-- numbers of registrations, revisions, and the order in which registrations were taken
CREATE SEQUENCE ${s}.number;

-- stored tokens: each has at least one registration. Keys are hashes: an index cannot hold a token of 4096 characters
CREATE TABLE ${s}.token (
  key uuid PRIMARY KEY,
  token text NOT NULL,
  installation text COLLATE "C",        -- of a token that belongs to an installation ID; not of the ID itself
  revision bigint NOT NULL,
  accepted_at double precision,         -- milliseconds since the epoch, as every time here
  suspicion_sender text,
  suspicion_refusals integer,
  suspicion_since double precision
);
CREATE INDEX token_installation ON ${s}.token (installation) WHERE installation IS NOT NULL;

CREATE TABLE ${s}.registration (
  id bigint PRIMARY KEY,
  latest bigint NOT NULL,               -- the latest registration of a token decides who has it
  user_id text COLLATE "C" NOT NULL,
  token_key uuid NOT NULL,
  shared boolean NOT NULL,
  registered_at double precision NOT NULL,
  last_seen_at double precision NOT NULL,
  platform text,
  app_version text,
  locale text,
  attributes json,
  UNIQUE (token_key, user_id)
);
CREATE INDEX registration_user ON ${s}.registration (user_id, id);
CREATE INDEX registration_unseen ON ${s}.registration (last_seen_at);

-- registrations as they are answered
CREATE VIEW ${s}.registered AS
  SELECT r.id, r.user_id, t.token, r.registered_at, r.last_seen_at, r.platform, r.app_version, r.locale, r.attributes,
    t.revision, t.accepted_at, t.suspicion_sender, t.suspicion_refusals, t.suspicion_since
  FROM ${s}.registration AS r JOIN ${s}.token AS t ON t.key = r.token_key;

-- superseded tokens
CREATE TABLE ${s}.rewrite (
  key uuid PRIMARY KEY,
  token text NOT NULL,
  canonical_key uuid NOT NULL,
  canonical text NOT NULL,
  learned_at double precision NOT NULL
);
CREATE INDEX rewrite_canonical ON ${s}.rewrite (canonical_key);
CREATE INDEX rewrite_learned ON ${s}.rewrite (learned_at);

-- the change feed
CREATE SEQUENCE ${s}.place;
CREATE TABLE ${s}.change (
  place bigint PRIMARY KEY DEFAULT nextval('${s}.place'),
  at double precision NOT NULL,
  body json NOT NULL
);
CREATE TABLE ${s}.feed (dropped_through bigint NOT NULL);
INSERT INTO ${s}.feed VALUES (0);
`;
