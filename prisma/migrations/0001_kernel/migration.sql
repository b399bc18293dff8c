-- The seven schemas and, in each, the tables and triggers every subgraph relies on:
-- outbox, sequencer, idempotency, constitutional epochs, and the two gates of governed rows.
-- Conditions raised here: AC001 hash not accepted, AC002 change without an outbox row, AC003 outbox row altered.

DO $kernel$
DECLARE
  s text;
BEGIN
  FOREACH s IN ARRAY ARRAY[
    'auth', 'constitutional_ai', 'integrity', 'formal_verification',
    'governance_synthesis', 'policy_governance', 'evolutionary_computation'
  ] LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', s);

    -- A row is the event and, until integrity integrates it, the QUEUED audit leaf.
    EXECUTE format($sql$
      CREATE TABLE %1$I.outbox (
        id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream              text NOT NULL CHECK (stream <> ''),
        entity_id           text NOT NULL,
        kind                text NOT NULL,
        principal_id        text NOT NULL,
        request_id          text NOT NULL,
        constitutional_hash text NOT NULL,
        occurred_at         timestamptz NOT NULL DEFAULT now(),
        leaf                bytea NOT NULL,
        leaf_hash           bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
        payload             jsonb NOT NULL,
        tx                  xid8 NOT NULL DEFAULT pg_current_xact_id(),
        position            bigint UNIQUE CHECK (position > 0),
        seq                 bigint CHECK (seq > 0),
        UNIQUE (stream, seq)
      )$sql$, s);
    EXECUTE format('CREATE INDEX outbox_unsequenced ON %I.outbox (id) WHERE position IS NULL', s);
    -- Keeps the check of AC002 and the sequencer's visibility test cheap: it only ever holds the newest rows.
    EXECUTE format('CREATE INDEX outbox_unsequenced_tx ON %I.outbox (tx) WHERE position IS NULL', s);
    EXECUTE format('CREATE INDEX outbox_entity ON %I.outbox (entity_id)', s);

    -- Row '' holds the last position of the schema, the others the last seq of a stream.
    EXECUTE format('CREATE TABLE %I.sequencer (stream text PRIMARY KEY, last_seq bigint NOT NULL CHECK (last_seq >= 0))', s);
    EXECUTE format('INSERT INTO %I.sequencer (stream, last_seq) VALUES ('''', 0)', s);

    EXECUTE format($sql$
      CREATE TABLE %I.idempotency (
        principal_id text NOT NULL,
        field        text NOT NULL,
        key          text NOT NULL,
        input_digest bytea NOT NULL,
        result       jsonb NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (principal_id, field, key)
      )$sql$, s);
    EXECUTE format('CREATE INDEX idempotency_created_at ON %I.idempotency (created_at)', s);

    EXECUTE format($sql$
      CREATE TABLE %I.constitutional_epoch (
        label     text PRIMARY KEY,
        epoch     integer NOT NULL CHECK (epoch > 0),
        digest    text NOT NULL,
        signature text NOT NULL,
        state     text NOT NULL CHECK (state IN ('ACCEPTED', 'CLOSED'))
      )$sql$, s);

    EXECUTE format($sql$
      CREATE FUNCTION %1$I.guard_outbox() RETURNS trigger LANGUAGE plpgsql AS $fn$
      DECLARE
        candidate %1$I.outbox%%ROWTYPE;
      BEGIN
        IF TG_OP = 'INSERT' THEN
          IF NEW.position IS NOT NULL OR NEW.seq IS NOT NULL THEN
            RAISE EXCEPTION 'an outbox row is numbered by the sequencer, not by its writer' USING ERRCODE = 'AC003';
          END IF;
          -- Whatever the writer sent: AC002 and the sequencer depend on the true transaction.
          NEW.tx := pg_current_xact_id();
          RETURN NEW;
        ELSIF TG_OP = 'UPDATE' THEN
          candidate := NEW;
          candidate.position := OLD.position;
          candidate.seq := OLD.seq;
          IF candidate IS DISTINCT FROM OLD
             OR (OLD.position IS NOT NULL AND NEW.position IS DISTINCT FROM OLD.position)
             OR (OLD.seq IS NOT NULL AND NEW.seq IS DISTINCT FROM OLD.seq) THEN
            RAISE EXCEPTION 'outbox row %% is immutable: only position and seq are set, once', OLD.id USING ERRCODE = 'AC003';
          END IF;
          RETURN NEW;
        END IF;
        RAISE EXCEPTION '%% on %%.outbox is refused: outbox rows are audit leaves', TG_OP, TG_TABLE_SCHEMA USING ERRCODE = 'AC003';
      END
      $fn$$sql$, s);
    EXECUTE format('CREATE TRIGGER guard_row BEFORE INSERT OR UPDATE ON %1$I.outbox FOR EACH ROW EXECUTE FUNCTION %1$I.guard_outbox()', s);
    EXECUTE format('CREATE TRIGGER guard_history BEFORE DELETE OR TRUNCATE ON %1$I.outbox FOR EACH STATEMENT EXECUTE FUNCTION %1$I.guard_outbox()', s);

    EXECUTE format($sql$
      CREATE FUNCTION %1$I.notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $fn$
      BEGIN
        PERFORM pg_notify('acgs_outbox', TG_TABLE_SCHEMA);
        RETURN NULL;
      END
      $fn$$sql$, s);
    EXECUTE format('CREATE TRIGGER notify AFTER INSERT ON %1$I.outbox FOR EACH STATEMENT EXECUTE FUNCTION %1$I.notify_outbox()', s);

    -- New rows and new hashes are checked; a row that keeps its hash keeps it through any other change.
    EXECUTE format($sql$
      CREATE FUNCTION %1$I.check_constitutional_row() RETURNS trigger LANGUAGE plpgsql AS $fn$
      BEGIN
        IF TG_OP = 'UPDATE' THEN
          IF NEW.constitutional_hash IS NOT DISTINCT FROM OLD.constitutional_hash THEN
            RETURN NEW;
          END IF;
        END IF;
        IF NOT EXISTS (
          SELECT 1 FROM %1$I.constitutional_epoch e WHERE e.label = NEW.constitutional_hash AND e.state = 'ACCEPTED'
        ) THEN
          RAISE EXCEPTION 'constitutional hash %% is not accepted for %%.%%',
            coalesce(quote_literal(NEW.constitutional_hash), 'NULL'), TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'AC001';
        END IF;
        RETURN NEW;
      END
      $fn$$sql$, s);

    EXECUTE format($sql$
      CREATE FUNCTION %1$I.require_outbox() RETURNS trigger LANGUAGE plpgsql AS $fn$
      BEGIN
        IF NOT EXISTS (SELECT 1 FROM %1$I.outbox o WHERE o.position IS NULL AND o.tx = pg_current_xact_id()) THEN
          RAISE EXCEPTION '%% on %%.%% without an outbox row in the same transaction', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'AC002';
        END IF;
        RETURN NULL;
      END
      $fn$$sql$, s);
  END LOOP;
END
$kernel$;

-- Puts a table under both gates; later migrations call SELECT public.acgs_govern('auth', 'principal').
CREATE FUNCTION public.acgs_govern(schema text, tbl text) RETURNS void LANGUAGE plpgsql AS $govern$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM pg_attribute a
     WHERE a.attrelid = format('%I.%I', schema, tbl)::regclass AND a.attname = 'constitutional_hash' AND NOT a.attisdropped
  ) THEN
    RAISE EXCEPTION '%.% cannot be governed: it has no constitutional_hash column', schema, tbl USING ERRCODE = 'undefined_column';
  END IF;
  EXECUTE format('DROP TRIGGER IF EXISTS constitutional_row ON %I.%I', schema, tbl);
  EXECUTE format('DROP TRIGGER IF EXISTS require_outbox ON %I.%I', schema, tbl);
  EXECUTE format(
    'CREATE TRIGGER constitutional_row BEFORE INSERT OR UPDATE ON %1$I.%2$I FOR EACH ROW EXECUTE FUNCTION %1$I.check_constitutional_row()',
    schema, tbl);
  EXECUTE format(
    'CREATE CONSTRAINT TRIGGER require_outbox AFTER INSERT OR UPDATE OR DELETE ON %1$I.%2$I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION %1$I.require_outbox()',
    schema, tbl);
END
$govern$;
