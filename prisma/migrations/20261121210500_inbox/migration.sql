-- Lists at any size: what each shows lies in an index in its own order, and a page is read from there on.
-- Everything here follows from `request.state` and is written in the commit that changes it; who may see
-- or decide is asked again for each row that is shown. Read docs/adr/0013-lists.md.

-- ---------------------------------------------------------------------------------------------------
-- Whom pending requests ask: one row for each role of the groups that are still open, and for each person
-- (`@eve`) to whom the request was handed. No foreign key: it would cost a look at the request per row.
-- ---------------------------------------------------------------------------------------------------

DROP INDEX request_waiting;
CREATE TABLE request_waiting (
  request_id uuid NOT NULL,
  asked text NOT NULL,
  kind text NOT NULL,
  created_at timestamptz NOT NULL,
  -- The stage's deadline; infinity where it has none.
  due timestamptz NOT NULL,
  -- People who may not decide whatever they hold: they asked, profit, or have had their say.
  barred text[] NOT NULL,
  PRIMARY KEY (request_id, asked)
);
CREATE INDEX request_waiting_newest ON request_waiting (asked, created_at DESC, request_id DESC);
CREATE INDEX request_waiting_urgent ON request_waiting (asked, due, request_id);

INSERT INTO request_waiting (request_id, asked, kind, created_at, due, barred)
  SELECT DISTINCT id, unnest(waiting_roles), kind, created_at, coalesce(deadline, 'infinity'), '{}'::text[]
    FROM request WHERE status = 'pending';

-- ---------------------------------------------------------------------------------------------------
-- Who may see a request by a role: the roles that its rule can turn to, the same for all requests of one
-- kind under one rule. `id`: the first eight bytes of SHA-256 over kind and roles.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE request_audience (
  id bigint PRIMARY KEY,
  kind text NOT NULL,
  roles text[] NOT NULL
);

ALTER TABLE request ADD audience bigint;

CREATE FUNCTION pg_temp.roles_asked(state jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_agg(DISTINCT (role #>> '{}') COLLATE "C"), '{}') FROM (
    SELECT jsonb_path_query(state, '$.policy.rule.stages[*].groups[*].role') AS role
    UNION ALL SELECT jsonb_path_query(state, '$.policy.rule.stages[*].escalations[*].to')
    UNION ALL SELECT jsonb_path_query(state, '$.policy.rule.override.role')
    UNION ALL SELECT jsonb_path_query(state, '$.policy.rule.override.breakGlass.role')
  ) asked WHERE jsonb_typeof(role) = 'string'
$$;
CREATE FUNCTION pg_temp.audience_id(kind text, roles text[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT ('x' || left(encode(sha256(convert_to(kind || E'\n' || array_to_string(roles, ' '), 'UTF8')), 'hex'), 16))::bit(64)::bigint
$$;

UPDATE request SET audience = pg_temp.audience_id(kind, pg_temp.roles_asked(state));
INSERT INTO request_audience (id, kind, roles)
  SELECT DISTINCT ON (audience) audience, kind, pg_temp.roles_asked(state) FROM request;
ALTER TABLE request ALTER audience SET NOT NULL;

-- ---------------------------------------------------------------------------------------------------
-- Who may see a request for what they have to do with it: acted for, changed it, decided, spoke, were
-- handed it. Who asked, and whose app asked, is found by the requester.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE request_person (
  person_id text NOT NULL,
  request_id uuid NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  created_at timestamptz NOT NULL,
  due timestamptz NOT NULL,
  PRIMARY KEY (person_id, request_id)
);
CREATE INDEX request_person_newest ON request_person (person_id, status, created_at DESC, request_id DESC);
CREATE INDEX request_person_urgent ON request_person (person_id, due, request_id) WHERE status = 'pending';

INSERT INTO request_person (person_id, request_id, kind, status, created_at, due)
  SELECT DISTINCT p.person #>> '{}', r.id, r.kind, r.status, r.created_at, coalesce(r.deadline, 'infinity')
    FROM request r CROSS JOIN LATERAL (
    SELECT r.state -> 'onBehalfOf' AS person
    UNION ALL SELECT jsonb_path_query(r.state, '$.editors[*]')
    UNION ALL SELECT jsonb_path_query(r.state, '$.owners[*]')
    UNION ALL SELECT jsonb_path_query(r.state, '$.decisions[*].person')
    UNION ALL SELECT jsonb_path_query(r.state, '$.delegations[*].to')
    UNION ALL SELECT jsonb_path_query(r.state, '$.discussion[*].by ? (@.type == "person").id')
  ) p WHERE jsonb_typeof(p.person) = 'string';

-- ---------------------------------------------------------------------------------------------------
-- The lists of requests themselves. A status is a part of the index, not a filter over it; a list of all
-- statuses is merged from them.
-- ---------------------------------------------------------------------------------------------------

DROP INDEX request_status;
DROP INDEX request_of_requester;
ALTER TABLE request DROP COLUMN waiting_roles;
CREATE INDEX request_of_audience ON request (audience, status, created_at DESC, id DESC);
CREATE INDEX request_of_requester
  ON request (requester_type, requester_id, kind, status, created_at DESC, id DESC);
-- Most urgent first: only what is pending can be urgent.
CREATE INDEX request_urgent_of_audience
  ON request (audience, coalesce(deadline, 'infinity'), id) WHERE status = 'pending';
CREATE INDEX request_urgent_of_requester
  ON request (requester_type, requester_id, kind, coalesce(deadline, 'infinity'), id) WHERE status = 'pending';

-- Planned once for all values, a range would be taken for an average one, gathered and sorted. One of them
-- can be nearly the whole table: then only its order helps, and for a small one it does no harm.
ALTER TABLE request_waiting ALTER asked SET (n_distinct = 1);
ALTER TABLE request_person ALTER person_id SET (n_distinct = 1), ALTER status SET (n_distinct = 1);
ALTER TABLE request
  ALTER audience SET (n_distinct = 1), ALTER status SET (n_distinct = 1), ALTER kind SET (n_distinct = 1),
  ALTER requester_type SET (n_distinct = 1), ALTER requester_id SET (n_distinct = 1);
