-- CreateTable
CREATE TABLE "integrity"."leaf" (
    "index" BIGINT NOT NULL,
    "schema" TEXT NOT NULL,
    "position" BIGINT NOT NULL,
    "stream" TEXT NOT NULL,
    "entity_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "principal_id" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "integrated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "leaf" BYTEA NOT NULL,
    "leaf_hash" BYTEA NOT NULL,

    CONSTRAINT "leaf_pkey" PRIMARY KEY ("index")
);

-- CreateTable
CREATE TABLE "integrity"."leaf_subject" (
    "subject" TEXT NOT NULL,
    "index" BIGINT NOT NULL,

    CONSTRAINT "leaf_subject_pkey" PRIMARY KEY ("subject","index")
);

-- CreateIndex
CREATE INDEX "leaf_principal_id_index_idx" ON "integrity"."leaf"("principal_id", "index");

-- CreateIndex
CREATE INDEX "leaf_stream_entity_id_index_idx" ON "integrity"."leaf"("stream", "entity_id", "index");

-- CreateIndex
CREATE INDEX "leaf_occurred_at_idx" ON "integrity"."leaf"("occurred_at");

-- CreateIndex
CREATE UNIQUE INDEX "leaf_schema_position_key" ON "integrity"."leaf"("schema", "position");

-- The log is append-only for everyone, its owner included.
CREATE FUNCTION integrity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: the audit log is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON integrity.leaf FOR EACH STATEMENT EXECUTE FUNCTION integrity.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON integrity.leaf_subject FOR EACH STATEMENT EXECUTE FUNCTION integrity.refuse_change();
ALTER TABLE integrity.leaf ADD CONSTRAINT leaf_hash_length CHECK (octet_length(leaf_hash) = 32);
