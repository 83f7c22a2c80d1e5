-- Who broke the glass and owes a review. A debt whose time is over removes the right to override, so it is
-- read where somebody overrides; what it says is sealed in the chain of its request (review_debt).

CREATE TABLE review_debt (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL REFERENCES request,
  person_id text NOT NULL REFERENCES person,
  due timestamptz NOT NULL,
  settled_at timestamptz
);
CREATE INDEX review_debt_open ON review_debt (person_id, due) WHERE settled_at IS NULL;

-- What a request asked for before it was amended: records and decisions of that time name its digest.
CREATE TABLE request_content (
  request_id uuid NOT NULL REFERENCES request,
  -- How often it had been amended by then.
  amendments integer NOT NULL,
  -- The policy version that governed it: the digest covers it.
  policy text NOT NULL,
  -- Ciphertext under the data key of the request.
  content bytea NOT NULL,
  PRIMARY KEY (request_id, amendments)
);

-- What waits for people, in order, for whoever looks whether it can still be approved.
CREATE INDEX request_pending ON request (id) WHERE status = 'pending';
