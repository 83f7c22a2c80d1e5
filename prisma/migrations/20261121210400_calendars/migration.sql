-- Business calendars: immutable versions; the newest one of an id is in force. Each is sealed in the
-- installation's own stream. Read docs/calendars.md.

CREATE TABLE calendar (
  id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  newest integer NOT NULL CHECK (newest >= 1)
);

CREATE TABLE calendar_version (
  calendar_id text NOT NULL REFERENCES calendar,
  version integer NOT NULL CHECK (version >= 1),
  -- Time zone, hours and holidays as they are read; `source` is the text as it was sent.
  document jsonb NOT NULL,
  source text NOT NULL,
  source_sha256 bytea NOT NULL CHECK (octet_length(source_sha256) = 32),
  author text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (calendar_id, version)
);
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON calendar_version
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON calendar_version
  FOR EACH STATEMENT EXECUTE FUNCTION deny_change();
ALTER TABLE calendar_version ENABLE ALWAYS TRIGGER no_change;
ALTER TABLE calendar_version ENABLE ALWAYS TRIGGER no_truncate;
