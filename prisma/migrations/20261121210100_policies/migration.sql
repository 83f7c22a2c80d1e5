-- Policies: versions that wait for approval, exceptions to rules, what shadows would have said. Mode,
-- effective time and review date of a version are read from its document, so they never say anything else.

-- 0: a first version was proposed, and none is published yet.
ALTER TABLE policy DROP CONSTRAINT policy_newest_check;
ALTER TABLE policy ADD CONSTRAINT policy_newest_check CHECK (newest >= 0);

-- A version that waits for the approval of a request, or what became of it.
CREATE TABLE policy_proposal (
  request_id uuid PRIMARY KEY REFERENCES request,
  policy_id text NOT NULL REFERENCES policy,
  -- The number that it gets.
  version integer NOT NULL CHECK (version >= 1),
  document jsonb NOT NULL,
  source text NOT NULL,
  source_sha256 bytea NOT NULL CHECK (octet_length(source_sha256) = 32),
  author text NOT NULL REFERENCES person,
  created_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'published', 'rejected')),
  -- Why it was not published, or what happened after it was; words of the product.
  note text,
  closed_at timestamptz,
  CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE INDEX policy_proposal_of_policy ON policy_proposal (policy_id, created_at DESC, request_id DESC);

-- A rule does not count, for a time and a scope. In force once another person has approved it.
CREATE TABLE policy_exception (
  id uuid PRIMARY KEY,
  policy_id text NOT NULL REFERENCES policy,
  rule text NOT NULL,
  -- CEL over the request; NULL: whatever the rule matches.
  scope text,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz NOT NULL CHECK (valid_until > valid_from),
  -- Why; words of a person, encrypted.
  reason bytea NOT NULL,
  dek_id uuid NOT NULL REFERENCES dek,
  author text NOT NULL REFERENCES person,
  created_at timestamptz NOT NULL,
  approver text REFERENCES person CHECK (approver <> author),
  approved_at timestamptz,
  ended_by text REFERENCES person,
  -- The first instant without it, where somebody ended it before its time.
  ended_at timestamptz,
  -- That its time is over has been sealed.
  expired_at timestamptz,
  CHECK ((approver IS NULL) = (approved_at IS NULL)),
  CHECK ((ended_by IS NULL) = (ended_at IS NULL))
);
CREATE INDEX policy_exception_newest ON policy_exception (created_at DESC, id DESC);
CREATE INDEX policy_exception_running ON policy_exception (valid_until)
  WHERE approved_at IS NOT NULL AND ended_at IS NULL AND expired_at IS NULL;

-- Each request for which a rule was left out.
CREATE TABLE policy_exception_use (
  exception_id uuid NOT NULL REFERENCES policy_exception,
  -- How often it had been used with this time.
  ordinal integer NOT NULL CHECK (ordinal >= 1),
  request_id uuid NOT NULL REFERENCES request,
  rule_index integer NOT NULL CHECK (rule_index >= 0),
  at timestamptz NOT NULL,
  PRIMARY KEY (exception_id, ordinal)
);
CREATE INDEX policy_exception_use_of_request ON policy_exception_use (request_id);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON policy_exception_use
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON policy_exception_use
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE policy_exception_use ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE policy_exception_use ENABLE ALWAYS TRIGGER no_truncate;

-- What versions in shadow mode would have said, by request.
CREATE TABLE shadow_evaluation (
  request_id uuid NOT NULL REFERENCES request,
  -- Number of the sealed record in the chain of the request.
  seq integer NOT NULL CHECK (seq >= 0),
  policy_id text NOT NULL REFERENCES policy,
  version integer NOT NULL CHECK (version >= 1),
  effect text NOT NULL CHECK (effect IN ('approve', 'review', 'reject', 'none', 'error')),
  differs boolean NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (request_id, seq)
);
CREATE INDEX shadow_evaluation_of_policy ON shadow_evaluation (policy_id, version, at);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON shadow_evaluation
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON shadow_evaluation
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE shadow_evaluation ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE shadow_evaluation ENABLE ALWAYS TRIGGER no_truncate;
