-- CreateTable
CREATE TABLE "formal_verification"."proof_obligation" (
    "id" TEXT NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "service_id" TEXT,
    "change_request_id" TEXT,
    "attributes" JSONB,
    "rules" TEXT[],
    "obligation" TEXT,
    "script" TEXT,
    "timeout_ms" INTEGER NOT NULL,
    "problem_digest" TEXT NOT NULL,
    "submitted_by" TEXT NOT NULL,
    "submitted_at" TIMESTAMPTZ(3) NOT NULL,
    "decided_at" TIMESTAMPTZ(3),
    "duration_ms" INTEGER,
    "solver" TEXT,
    "reason_code" TEXT,
    "reason" TEXT,
    "counterexample" JSONB,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "proof_obligation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "formal_verification"."proof_lease" (
    "obligation_id" TEXT NOT NULL,
    "number" BIGSERIAL NOT NULL,
    "owner" TEXT,
    "expires_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "proof_lease_pkey" PRIMARY KEY ("obligation_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "proof_obligation_number_key" ON "formal_verification"."proof_obligation"("number");

-- CreateIndex
CREATE INDEX "proof_obligation_service_id_number_idx" ON "formal_verification"."proof_obligation"("service_id", "number");

-- CreateIndex
CREATE INDEX "proof_obligation_change_request_id_number_idx" ON "formal_verification"."proof_obligation"("change_request_id", "number");

-- CreateIndex
CREATE INDEX "proof_obligation_status_number_idx" ON "formal_verification"."proof_obligation"("status", "number");

-- CreateIndex
CREATE UNIQUE INDEX "proof_lease_number_key" ON "formal_verification"."proof_lease"("number");

SELECT public.acgs_govern('formal_verification', 'proof_obligation');

ALTER TABLE formal_verification.proof_obligation
  ADD CONSTRAINT proof_obligation_status CHECK (status IN ('PENDING', 'PROVED', 'REFUTED', 'UNKNOWN', 'ERROR')),
  ADD CONSTRAINT proof_obligation_problem CHECK (
    (kind = 'RULE_SET' AND attributes IS NOT NULL AND obligation IS NOT NULL AND script IS NULL)
    OR (kind = 'SMT_LIB' AND script IS NOT NULL AND octet_length(script) <= 65536 AND attributes IS NULL AND obligation IS NULL)),
  ADD CONSTRAINT proof_obligation_decided CHECK ((status = 'PENDING') = (decided_at IS NULL)),
  ADD CONSTRAINT proof_obligation_reason CHECK ((status IN ('UNKNOWN', 'ERROR')) = (reason_code IS NOT NULL)),
  ADD CONSTRAINT proof_obligation_counterexample CHECK (counterexample IS NULL OR status = 'REFUTED'),
  ADD CONSTRAINT proof_obligation_timeout CHECK (timeout_ms BETWEEN 100 AND 60000);

-- A decision is final, and the problem it was made on stays the one that was submitted.
CREATE FUNCTION formal_verification.guard_obligation() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.status = 'PENDING'
       AND (NEW.id, NEW.kind, NEW.rules, NEW.obligation, NEW.script, NEW.attributes, NEW.problem_digest, NEW.submitted_by, NEW.timeout_ms)
         IS NOT DISTINCT FROM (OLD.id, OLD.kind, OLD.rules, OLD.obligation, OLD.script, OLD.attributes, OLD.problem_digest, OLD.submitted_by, OLD.timeout_ms) THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% on %.% is refused: a proof obligation is decided once and never deleted', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER decided_once BEFORE UPDATE OR DELETE ON formal_verification.proof_obligation FOR EACH ROW EXECUTE FUNCTION formal_verification.guard_obligation();
