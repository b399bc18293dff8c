-- CreateTable
CREATE TABLE "constitutional_ai"."constitution" (
    "id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "document_version" TEXT NOT NULL,
    "preamble" TEXT NOT NULL,
    "thresholds" JSONB NOT NULL,
    "levels" JSONB NOT NULL,
    "canonical_text" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "signature" TEXT NOT NULL,
    "activated_at" TIMESTAMPTZ(3) NOT NULL,
    "superseded_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "constitution_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "constitutional_ai"."principle" (
    "constitution_id" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "category" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "weight" DOUBLE PRECISION NOT NULL,
    "text" TEXT NOT NULL,
    "applies_to" TEXT[],
    "attributes" JSONB NOT NULL,
    "rule" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "principle_pkey" PRIMARY KEY ("constitution_id","code")
);

-- CreateTable
CREATE TABLE "constitutional_ai"."compliance_check" (
    "id" TEXT NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "service_id" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "action_kind" TEXT NOT NULL,
    "level" TEXT NOT NULL,
    "threshold" DOUBLE PRECISION NOT NULL,
    "score" DOUBLE PRECISION NOT NULL,
    "verdict" TEXT NOT NULL,
    "attributes" JSONB NOT NULL,
    "findings" JSONB NOT NULL,
    "constitution_id" TEXT NOT NULL,
    "incident_id" TEXT,
    "checked_by" TEXT NOT NULL,
    "checked_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "compliance_check_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "constitutional_ai"."violation" (
    "id" TEXT NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "summary" TEXT NOT NULL,
    "service_id" TEXT,
    "incident_id" TEXT,
    "caused_by" TEXT,
    "check_id" TEXT,
    "constitution_id" TEXT,
    "principle_code" TEXT,
    "expected_hash" TEXT,
    "received_hash" TEXT,
    "instance_url" TEXT,
    "report_key" TEXT,
    "request_id" TEXT NOT NULL,
    "occurrences" INTEGER NOT NULL DEFAULT 1,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "decided_by" TEXT,
    "decided_at" TIMESTAMPTZ(3),
    "reason" TEXT,
    "remediated_by" TEXT,
    "remediated_at" TIMESTAMPTZ(3),
    "remediation" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "violation_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "constitution_version_key" ON "constitutional_ai"."constitution"("version");

-- CreateIndex
CREATE UNIQUE INDEX "constitution_epoch_key" ON "constitutional_ai"."constitution"("epoch");

-- CreateIndex
CREATE UNIQUE INDEX "principle_constitution_id_ordinal_key" ON "constitutional_ai"."principle"("constitution_id", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "compliance_check_number_key" ON "constitutional_ai"."compliance_check"("number");

-- CreateIndex
CREATE INDEX "compliance_check_service_id_number_idx" ON "constitutional_ai"."compliance_check"("service_id", "number");

-- CreateIndex
CREATE INDEX "compliance_check_checked_at_idx" ON "constitutional_ai"."compliance_check"("checked_at");

-- CreateIndex
CREATE UNIQUE INDEX "violation_number_key" ON "constitutional_ai"."violation"("number");

-- CreateIndex
CREATE UNIQUE INDEX "violation_report_key_key" ON "constitutional_ai"."violation"("report_key");

-- CreateIndex
CREATE INDEX "violation_service_id_number_idx" ON "constitutional_ai"."violation"("service_id", "number");

-- CreateIndex
CREATE INDEX "violation_incident_id_idx" ON "constitutional_ai"."violation"("incident_id");

-- CreateIndex
CREATE INDEX "violation_check_id_idx" ON "constitutional_ai"."violation"("check_id");

-- CreateIndex
CREATE INDEX "violation_status_number_idx" ON "constitutional_ai"."violation"("status", "number");

-- CreateIndex
CREATE INDEX "violation_occurred_at_idx" ON "constitutional_ai"."violation"("occurred_at");

-- AddForeignKey
ALTER TABLE "constitutional_ai"."principle" ADD CONSTRAINT "principle_constitution_id_fkey" FOREIGN KEY ("constitution_id") REFERENCES "constitutional_ai"."constitution"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

SELECT public.acgs_govern('constitutional_ai', 'constitution');
SELECT public.acgs_govern('constitutional_ai', 'principle');
SELECT public.acgs_govern('constitutional_ai', 'compliance_check');
SELECT public.acgs_govern('constitutional_ai', 'violation');

ALTER TABLE constitutional_ai.constitution
  ADD CONSTRAINT constitution_state CHECK (state IN ('ACTIVE', 'SUPERSEDED')),
  ADD CONSTRAINT constitution_digest CHECK (digest ~ '^[0-9a-f]{64}$' AND label ~ '^[0-9a-f]{16}$'),
  ADD CONSTRAINT constitution_superseded CHECK ((state = 'SUPERSEDED') = (superseded_at IS NOT NULL));
-- At most one constitution governs.
CREATE UNIQUE INDEX constitution_one_active ON constitutional_ai.constitution (state) WHERE state = 'ACTIVE';

ALTER TABLE constitutional_ai.principle
  ADD CONSTRAINT principle_kind CHECK (kind IN ('PROHIBITION', 'OBLIGATION', 'GUIDELINE')),
  ADD CONSTRAINT principle_weight CHECK (weight > 0 AND weight <= 1);

ALTER TABLE constitutional_ai.compliance_check
  ADD CONSTRAINT compliance_check_score CHECK (score BETWEEN 0 AND 1 AND threshold BETWEEN 0 AND 1),
  ADD CONSTRAINT compliance_check_verdict CHECK (verdict IN ('COMPLIANT', 'NON_COMPLIANT', 'PROHIBITED', 'INDETERMINATE'));

ALTER TABLE constitutional_ai.violation
  ADD CONSTRAINT violation_status CHECK (status IN ('OPEN', 'CONFIRMED', 'DISMISSED', 'REMEDIATED')),
  ADD CONSTRAINT violation_kind CHECK (kind IN ('PRINCIPLE_VIOLATED', 'REQUEST_HASH_MISMATCH', 'INSTANCE_HASH_MISMATCH')),
  ADD CONSTRAINT violation_source CHECK ((kind = 'PRINCIPLE_VIOLATED') = (check_id IS NOT NULL AND principle_code IS NOT NULL)),
  ADD CONSTRAINT violation_decided CHECK ((status = 'OPEN') = (decided_at IS NULL)),
  ADD CONSTRAINT violation_dismissed CHECK (status <> 'DISMISSED' OR reason IS NOT NULL),
  ADD CONSTRAINT violation_remediated CHECK ((status = 'REMEDIATED') = (remediated_at IS NOT NULL AND remediation IS NOT NULL));

-- What was checked stays as it was found.
CREATE FUNCTION constitutional_ai.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: compliance checks are final', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON constitutional_ai.compliance_check FOR EACH STATEMENT EXECUTE FUNCTION constitutional_ai.refuse_change();
