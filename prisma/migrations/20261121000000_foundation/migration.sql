-- The foundation: evidence (insert only), its encrypted side store, the directory, policies, requests,
-- commands and the outbox. Read docs/adr/0005-tables.md for why each exists.
-- No foreign key points at a row that every writer would meet (the log, a person's data key): each
-- insert would lock it, and two writers at once cost a multixact. Data keys are never deleted.
-- Identifiers that people read are text; identifiers of ours are uuid; digests are bytea of 32 bytes.

-- ---------------------------------------------------------------------------------------------------
-- Evidence. Insert only: rows are never changed, deleted or truncated by anybody (SQLSTATE AP001).
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION deny_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME USING ERRCODE = 'AP001';
END $$;

CREATE TABLE ledger_log (
  log_id smallint PRIMARY KEY,
  origin text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ledger_record (
  log_id smallint NOT NULL,
  stream_id uuid NOT NULL,
  seq integer NOT NULL CHECK (seq >= 0),
  cmd bytea NOT NULL CHECK (octet_length(cmd) = 32),
  input_hash bytea NOT NULL CHECK (octet_length(input_hash) = 32),
  leaf_hash bytea NOT NULL CHECK (leaf_hash = sha256('\x00'::bytea || bytes)),
  prev_hash bytea CHECK ((seq = 0) = (prev_hash IS NULL)),
  bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 2 AND 16384),
  PRIMARY KEY (log_id, stream_id, seq),
  UNIQUE (log_id, stream_id, cmd)
);

-- Records that have no place in the log yet. Not evidence: the sequencer empties it.
CREATE TABLE log_queue (
  qid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  log_id smallint NOT NULL,
  stream_id uuid NOT NULL,
  seq integer NOT NULL,
  leaf_hash bytea NOT NULL
);

CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON ledger_record
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_record
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON ledger_log
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_log
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE ledger_record ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE ledger_record ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE ledger_log ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE ledger_log ENABLE ALWAYS TRIGGER no_truncate;

-- ---------------------------------------------------------------------------------------------------
-- The encrypted side store. Erasing a subject = destroying its key; records keep only commitments.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE dek (
  dek_id uuid PRIMARY KEY,
  subject text NOT NULL,
  wrapped bytea,
  kek text NOT NULL,
  destroyed_at timestamptz
);

CREATE TABLE opening (
  log_id smallint NOT NULL,
  stream_id uuid NOT NULL,
  seq integer NOT NULL,
  path text NOT NULL,
  ciphertext bytea NOT NULL,
  dek_id uuid NOT NULL,
  PRIMARY KEY (log_id, stream_id, seq, path)
);

-- Who a commitment in the records of one stream stands for: one per stream and identity, so that people
-- can be counted inside a chain and not followed across chains. `ciphertext` holds salt and value.
CREATE TABLE reference (
  log_id smallint NOT NULL,
  stream_id uuid NOT NULL,
  subject text NOT NULL,
  commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
  ciphertext bytea NOT NULL,
  dek_id uuid NOT NULL,
  PRIMARY KEY (log_id, stream_id, subject)
);

-- ---------------------------------------------------------------------------------------------------
-- The directory. Grants have a start, an end and a grantor; people are never deleted.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE person (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  stream_id uuid NOT NULL UNIQUE,
  name text NOT NULL,
  dek_id uuid NOT NULL REFERENCES dek,
  created_at timestamptz NOT NULL
);

CREATE TABLE role_grant (
  id uuid PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  role text NOT NULL CHECK (role ~ '^[a-z][a-z0-9-]{0,63}$'),
  valid_from timestamptz NOT NULL,
  valid_until timestamptz CHECK (valid_until > valid_from),
  granted_by text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX role_grant_role ON role_grant (role, person_id);
CREATE INDEX role_grant_person ON role_grant (person_id);

CREATE TABLE absence (
  id uuid PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz NOT NULL CHECK (valid_until > valid_from),
  recorded_by text NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX absence_person ON absence (person_id, valid_until);

CREATE TABLE person_token (
  token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  person_id text NOT NULL REFERENCES person,
  created_at timestamptz NOT NULL
);

CREATE TABLE app (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  stream_id uuid NOT NULL UNIQUE,
  name text NOT NULL,
  owner text NOT NULL REFERENCES person,
  scopes text[] NOT NULL,
  kinds text[] NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE TABLE app_key (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,32}$'),
  app_id text NOT NULL REFERENCES app,
  secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX app_key_app ON app_key (app_id);

-- ---------------------------------------------------------------------------------------------------
-- Policies: immutable versions; the newest one of an id is in force.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE policy (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  stream_id uuid NOT NULL UNIQUE,
  newest integer NOT NULL CHECK (newest >= 1)
);

CREATE TABLE policy_version (
  policy_id text NOT NULL REFERENCES policy,
  version integer NOT NULL CHECK (version >= 1),
  kind text NOT NULL,
  enabled boolean NOT NULL,
  document jsonb NOT NULL,
  source text NOT NULL,
  source_sha256 bytea NOT NULL,
  author text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (policy_id, version)
);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON policy_version
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policy_version
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE policy_version ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE policy_version ENABLE ALWAYS TRIGGER no_truncate;

-- ---------------------------------------------------------------------------------------------------
-- The installation: one row. `policy_generation` rises with each published version, so that whoever
-- holds policies in memory notices inside the same statement that it would write with.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  policy_generation bigint NOT NULL DEFAULT 0,
  temporal_namespace_id text,
  system_stream_id uuid NOT NULL DEFAULT gen_random_uuid(),
  -- Pages of lists are named by cursors that only this installation can make.
  cursor_key bytea NOT NULL CHECK (octet_length(cursor_key) = 32)
);

CREATE FUNCTION fence_policies(expected bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (SELECT policy_generation FROM installation) IS DISTINCT FROM expected THEN
    RAISE EXCEPTION 'policies were published meanwhile' USING ERRCODE = 'AP002';
  END IF;
  RETURN true;
END $$;

-- ---------------------------------------------------------------------------------------------------
-- Requests: the head row that the step locks, and what lists show. Words of people are ciphertext.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE request (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  status text NOT NULL CHECK (status IN
    ('held', 'pending', 'approved', 'rejected', 'expired', 'withdrawn', 'overridden')),
  tier text NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  requester_type text NOT NULL CHECK (requester_type IN ('app', 'person')),
  requester_id text NOT NULL,
  -- Roles that may decide in the open stage: what `eligible=me` starts from.
  waiting_roles text[] NOT NULL,
  deadline timestamptz,
  revision integer NOT NULL,
  head_seq integer NOT NULL,
  head_hash bytea NOT NULL CHECK (octet_length(head_hash) = 32),
  state jsonb NOT NULL,
  dek_id uuid NOT NULL REFERENCES dek,
  title bytea NOT NULL,
  content bytea NOT NULL,
  reason bytea,
  -- The next instant at which time alone changes something.
  wake_at timestamptz,
  -- none: the policy decided alone. due: a workflow has to be started. open: it runs. closed: it ended.
  gate text NOT NULL CHECK (gate IN ('none', 'due', 'open', 'closed')),
  gate_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
-- Most requests are a little above the size at which rows are taken apart; kept whole they cost less to
-- write. Ciphertext does not compress.
ALTER TABLE request SET (toast_tuple_target = 8160);
ALTER TABLE request ALTER content SET STORAGE EXTERNAL, ALTER title SET STORAGE EXTERNAL;
CREATE INDEX request_newest ON request (created_at DESC, id DESC);
CREATE INDEX request_of_requester ON request (requester_type, requester_id, created_at DESC, id DESC);
CREATE INDEX request_status ON request (status, created_at DESC, id DESC);
CREATE INDEX request_waiting ON request USING gin (waiting_roles) WHERE status = 'pending';
CREATE INDEX request_gate_due ON request (gate_at) WHERE gate = 'due';
CREATE INDEX request_wake ON request (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE request_view (
  request_id uuid NOT NULL REFERENCES request,
  person_id text NOT NULL REFERENCES person,
  content_digest bytea NOT NULL,
  seq integer NOT NULL,
  leaf_hash bytea NOT NULL,
  PRIMARY KEY (request_id, person_id, content_digest)
);

-- What somebody asked to do, before it is decided. Temporal carries only its id.
CREATE TABLE command (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL REFERENCES request,
  kind text NOT NULL,
  actor_type text NOT NULL CHECK (actor_type IN ('app', 'person')),
  actor_id text NOT NULL,
  surface text NOT NULL,
  auth_level smallint NOT NULL CHECK (auth_level BETWEEN 0 AND 3),
  auth_method text NOT NULL,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL,
  -- The dispatcher delivers it again from here on when it still has no answer.
  due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  answer jsonb,
  answered_at timestamptz,
  CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX command_request ON command (request_id);
CREATE INDEX command_undelivered ON command (due_at) WHERE answer IS NULL;

-- One row per principal, route and Idempotency-Key. `response` is the first answer, encrypted.
CREATE TABLE idempotency_key (
  principal text NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  -- Somebody works on it until then; later anybody with the key may finish it.
  running_until timestamptz,
  command_id uuid,
  status smallint,
  response bytea,
  dek_id uuid REFERENCES dek,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (principal, route, key),
  CHECK ((status IS NULL) = (response IS NULL))
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- Who was turned away, or read what is not theirs by default. Insert only.
CREATE TABLE access_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  principal_type text NOT NULL,
  principal_id text NOT NULL,
  route text NOT NULL,
  outcome text NOT NULL,
  request_id uuid
);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON access_log
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON access_log
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE access_log ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE access_log ENABLE ALWAYS TRIGGER no_truncate;
