-- Who may decide, beyond roles: team and region, deputies, delegations, trainings, people who have left.
-- Rows say what was recorded and when; ending one writes the instant beside it and changes nothing else,
-- so that any past instant can be read as it was known then.

ALTER TABLE person ADD team text, ADD region text, ADD left_at timestamptz;

-- Each value that team and region ever had; `person` holds the newest. Insert only.
CREATE TABLE person_profile (
  person_id text NOT NULL REFERENCES person,
  -- Number of the sealed record of the change, in the person's stream.
  seq integer NOT NULL CHECK (seq >= 0),
  team text,
  region text,
  recorded_by text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (person_id, seq)
);

-- A grant keeps the end that it was granted with; `ended_at` is the first instant without it.
ALTER TABLE role_grant ADD ended_at timestamptz;

ALTER TABLE absence
  ADD deputy_id text REFERENCES person CHECK (deputy_id <> person_id),
  -- Number of the sealed record that holds the reason as a commitment.
  ADD seq integer CHECK (seq >= 0),
  ADD cancelled_at timestamptz;
CREATE INDEX absence_deputy ON absence (deputy_id, valid_until) WHERE deputy_id IS NOT NULL;

CREATE TABLE delegation (
  id uuid PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  to_id text NOT NULL REFERENCES person CHECK (to_id <> person_id),
  -- Only this role, only requests of this kind; null: all.
  role text,
  kind text,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz NOT NULL CHECK (valid_until > valid_from),
  recorded_by text NOT NULL,
  created_at timestamptz NOT NULL,
  seq integer CHECK (seq >= 0),
  cancelled_at timestamptz
);
CREATE INDEX delegation_person ON delegation (person_id, valid_until);
CREATE INDEX delegation_to ON delegation (to_id, valid_until);

CREATE TABLE training (
  id uuid PRIMARY KEY,
  person_id text NOT NULL REFERENCES person,
  course text NOT NULL CHECK (course ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  version integer NOT NULL CHECK (version >= 1),
  -- For which role it was taken; null: for the person.
  role text,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz CHECK (valid_until > valid_from),
  change text NOT NULL CHECK (change IN ('completed', 'waived')),
  recorded_by text NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX training_person ON training (person_id);
CREATE INDEX training_until ON training (valid_until, id) WHERE valid_until IS NOT NULL;

-- Who has acknowledged which version of a policy.
CREATE TABLE IF NOT EXISTS policy_acknowledgement (
  person_id text NOT NULL REFERENCES person,
  policy_id text NOT NULL,
  version integer NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (person_id, policy_id, version)
);
