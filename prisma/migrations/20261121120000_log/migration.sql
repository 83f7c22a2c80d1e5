-- The log: where each record stands, the tiles of the Merkle tree, its signed checkpoints. Written by
-- the sequencer alone, from the queue that every append leaves behind. Read docs/adr/0010-log.md.

-- One row of the queue holds what one commit appended to one stream: consecutive records, from
-- `first_seq` on, their leaf hashes one after the other. Not evidence: the sequencer empties it.
ALTER TABLE log_queue RENAME COLUMN seq TO first_seq;
ALTER TABLE log_queue RENAME COLUMN leaf_hash TO leaf_hashes;
ALTER TABLE log_queue ADD CHECK (octet_length(leaf_hashes) > 0 AND octet_length(leaf_hashes) % 32 = 0);

CREATE TABLE log_leaf (
  log_id smallint NOT NULL,
  leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
  stream_id uuid NOT NULL,
  seq integer NOT NULL CHECK (seq >= 0),
  PRIMARY KEY (log_id, leaf_index),
  UNIQUE (log_id, stream_id, seq)
);

-- One row per published width; C2SP tile/<level>/<idx>[.p/<width>]. A narrower one may be collected once
-- the full one is there.
CREATE TABLE log_tile (
  log_id smallint NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
  idx bigint NOT NULL CHECK (idx >= 0),
  width smallint NOT NULL CHECK (width BETWEEN 1 AND 256),
  hashes bytea NOT NULL CHECK (octet_length(hashes) = 32 * width),
  PRIMARY KEY (log_id, level, idx, width)
);
ALTER TABLE log_tile ALTER hashes SET STORAGE EXTERNAL; -- hashes do not compress

-- The fence: who sequences holds this row. It only ever grows.
CREATE TABLE log_state (
  log_id smallint PRIMARY KEY,
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32)
);
INSERT INTO log_state (log_id, size, root) SELECT log_id, 0, sha256('') FROM ledger_log;

-- One note per size, as signed first. `root` is what the note says, for those who search.
CREATE TABLE log_checkpoint (
  log_id smallint NOT NULL,
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  note text NOT NULL,
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (log_id, size)
);

-- Every key that this log has signed with, as C2SP verifier keys. `endorsement`: a note by the key before,
-- which names this one; null for the first.
CREATE TABLE log_key (
  log_id smallint NOT NULL,
  verifier_key text NOT NULL,
  use text NOT NULL CHECK (use IN ('log', 'stream_head')),
  from_size bigint NOT NULL CHECK (from_size >= 0),
  endorsement text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (log_id, verifier_key)
);

-- What each examination of the whole log found; the record `self_check` seals the same.
CREATE TABLE self_check (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  passed boolean NOT NULL,
  size bigint NOT NULL,
  records bigint NOT NULL,
  problems jsonb NOT NULL,
  took_ms integer NOT NULL
);

CREATE FUNCTION deny_shrinking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.log_id = OLD.log_id AND NEW.size > OLD.size THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the log only grows: %', TG_TABLE_NAME USING ERRCODE = 'AP001';
END $$;

CREATE FUNCTION deny_tile_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.width < 256 AND EXISTS (
    SELECT FROM log_tile
      WHERE log_id = OLD.log_id AND level = OLD.level AND idx = OLD.idx AND width = 256
        AND substr(hashes, 1, 32 * OLD.width) = OLD.hashes
  ) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME USING ERRCODE = 'AP001';
END $$;

CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON log_leaf
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON log_checkpoint
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON log_key
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON self_check
  FOR EACH ROW EXECUTE FUNCTION deny_change();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON log_tile
  FOR EACH ROW EXECUTE FUNCTION deny_tile_loss();
CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON log_state
  FOR EACH ROW EXECUTE FUNCTION deny_shrinking();

DO $$
DECLARE
  evidence text;
BEGIN
  FOREACH evidence IN ARRAY
    ARRAY['log_leaf', 'log_tile', 'log_state', 'log_checkpoint', 'log_key', 'self_check']
  LOOP
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION deny_change()', evidence);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER no_change', evidence);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER no_truncate', evidence);
  END LOOP;
END $$;

