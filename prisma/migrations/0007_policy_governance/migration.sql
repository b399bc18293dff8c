-- CreateTable
CREATE TABLE "policy_governance"."service" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "aliases" TEXT[],
    "tier" INTEGER NOT NULL,
    "port" INTEGER NOT NULL,
    "availability_target" DOUBLE PRECISION NOT NULL,
    "error_budget_minutes" DOUBLE PRECISION NOT NULL,
    "rto_minutes" INTEGER NOT NULL,
    "rpo_minutes" INTEGER NOT NULL,
    "component_p99_ms" INTEGER NOT NULL,
    "end_to_end_p99_ms" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "service_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."slo" (
    "id" TEXT NOT NULL,
    "service_id" TEXT NOT NULL,
    "indicator" TEXT NOT NULL,
    "comparator" TEXT NOT NULL,
    "objective" DOUBLE PRECISION NOT NULL,
    "unit" TEXT NOT NULL,
    "window_days" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "slo_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."alert_rule" (
    "name" TEXT NOT NULL,
    "expression" TEXT NOT NULL,
    "for_seconds" INTEGER NOT NULL,
    "level" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "ack_minutes" INTEGER,
    "response_minutes" INTEGER,
    "description" TEXT NOT NULL,
    "runbook" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "alert_rule_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "policy_governance"."escalation_policy" (
    "severity" TEXT NOT NULL,
    "ack_minutes" INTEGER NOT NULL,
    "assess_minutes" INTEGER NOT NULL,
    "response_minutes" INTEGER NOT NULL,
    "resolution_minutes" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "escalation_policy_pkey" PRIMARY KEY ("severity")
);

-- CreateTable
CREATE TABLE "policy_governance"."escalation_step" (
    "severity" TEXT NOT NULL,
    "level" INTEGER NOT NULL,
    "after_minutes" INTEGER NOT NULL,
    "role" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "escalation_step_pkey" PRIMARY KEY ("severity","level")
);

-- CreateTable
CREATE TABLE "policy_governance"."alert" (
    "id" UUID NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "starts_at" TIMESTAMPTZ(3) NOT NULL,
    "ends_at" TIMESTAMPTZ(3),
    "group_key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "level" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "service_id" TEXT,
    "summary" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "labels" JSONB NOT NULL,
    "annotations" JSONB NOT NULL,
    "generator_url" TEXT,
    "declared_hash" TEXT,
    "hash_verified" BOOLEAN NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "acknowledged_by" TEXT,
    "acknowledged_at" TIMESTAMPTZ(3),
    "incident_id" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "alert_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."incident" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "group_key" TEXT,
    "service_id" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "declared_at" TIMESTAMPTZ(3) NOT NULL,
    "declared_by" TEXT NOT NULL,
    "acknowledge_by" TIMESTAMPTZ(3) NOT NULL,
    "assess_by" TIMESTAMPTZ(3) NOT NULL,
    "respond_by" TIMESTAMPTZ(3) NOT NULL,
    "resolve_by" TIMESTAMPTZ(3) NOT NULL,
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    "triaged_at" TIMESTAMPTZ(3),
    "mitigated_at" TIMESTAMPTZ(3),
    "resolved_at" TIMESTAMPTZ(3),
    "reviewed_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),
    "root_cause" TEXT,
    "resolution" TEXT,
    "review" TEXT,
    "escalation_level" INTEGER NOT NULL,
    "escalated_to" TEXT,
    "next_escalation_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "incident_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."incident_counter" (
    "year" INTEGER NOT NULL,
    "last" INTEGER NOT NULL,

    CONSTRAINT "incident_counter_pkey" PRIMARY KEY ("year")
);

-- CreateTable
CREATE TABLE "policy_governance"."timeline_entry" (
    "incident_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "text" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "timeline_entry_pkey" PRIMARY KEY ("incident_id","number")
);

-- CreateTable
CREATE TABLE "policy_governance"."policy" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "current" INTEGER NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "policy_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."policy_version" (
    "policy_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "cedar" TEXT NOT NULL,
    "effect" TEXT NOT NULL,
    "annotations" JSONB NOT NULL,
    "digest" TEXT NOT NULL,
    "published_by" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "policy_version_pkey" PRIMARY KEY ("policy_id","number")
);

-- CreateTable
CREATE TABLE "policy_governance"."policy_set" (
    "id" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,

    CONSTRAINT "policy_set_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_governance"."decision" (
    "id" UUID NOT NULL,
    "principal_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "resource_type" TEXT NOT NULL,
    "resource_id" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "permitted" BOOLEAN NOT NULL,
    "determining" JSONB NOT NULL,
    "obligations" JSONB NOT NULL,
    "errors" TEXT[],
    "request_digest" TEXT NOT NULL,
    "policy_revision" INTEGER NOT NULL,
    "policy_set_digest" TEXT NOT NULL,
    "receipt_digest" TEXT NOT NULL,
    "decided_by" TEXT NOT NULL,
    "decided_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "decision_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "slo_service_id_indicator_key" ON "policy_governance"."slo"("service_id", "indicator");

-- CreateIndex
CREATE INDEX "alert_received_at_id_idx" ON "policy_governance"."alert"("received_at", "id");

-- CreateIndex
CREATE INDEX "alert_service_id_received_at_id_idx" ON "policy_governance"."alert"("service_id", "received_at", "id");

-- CreateIndex
CREATE INDEX "alert_incident_id_received_at_id_idx" ON "policy_governance"."alert"("incident_id", "received_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "alert_fingerprint_starts_at_key" ON "policy_governance"."alert"("fingerprint", "starts_at");

-- CreateIndex
CREATE INDEX "incident_declared_at_id_idx" ON "policy_governance"."incident"("declared_at", "id");

-- CreateIndex
CREATE INDEX "incident_service_id_declared_at_id_idx" ON "policy_governance"."incident"("service_id", "declared_at", "id");

-- CreateIndex
CREATE INDEX "decision_decided_at_id_idx" ON "policy_governance"."decision"("decided_at", "id");

-- AddForeignKey
ALTER TABLE "policy_governance"."slo" ADD CONSTRAINT "slo_service_id_fkey" FOREIGN KEY ("service_id") REFERENCES "policy_governance"."service"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_governance"."escalation_step" ADD CONSTRAINT "escalation_step_severity_fkey" FOREIGN KEY ("severity") REFERENCES "policy_governance"."escalation_policy"("severity") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_governance"."alert" ADD CONSTRAINT "alert_incident_id_fkey" FOREIGN KEY ("incident_id") REFERENCES "policy_governance"."incident"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_governance"."timeline_entry" ADD CONSTRAINT "timeline_entry_incident_id_fkey" FOREIGN KEY ("incident_id") REFERENCES "policy_governance"."incident"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_governance"."policy_version" ADD CONSTRAINT "policy_version_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy_governance"."policy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Vocabulary the domain also checks.
ALTER TABLE policy_governance.service ADD CONSTRAINT service_tier CHECK (tier BETWEEN 1 AND 3);
ALTER TABLE policy_governance.alert_rule ADD CONSTRAINT alert_rule_level CHECK (level IN ('INFO', 'WARNING', 'CRITICAL', 'EMERGENCY'));
ALTER TABLE policy_governance.alert ADD CONSTRAINT alert_level CHECK (level IN ('INFO', 'WARNING', 'CRITICAL', 'EMERGENCY'));
ALTER TABLE policy_governance.alert ADD CONSTRAINT alert_state CHECK (state IN ('FIRING', 'RESOLVED') AND (state = 'RESOLVED') = (ends_at IS NOT NULL));
ALTER TABLE policy_governance.alert ADD CONSTRAINT alert_acknowledged CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL));
ALTER TABLE policy_governance.incident ADD CONSTRAINT incident_severity CHECK (severity IN ('P0', 'P1', 'P2', 'P3'));
ALTER TABLE policy_governance.incident ADD CONSTRAINT incident_status CHECK (status IN ('DECLARED', 'TRIAGED', 'MITIGATED', 'RESOLVED', 'REVIEWED', 'CLOSED'));
ALTER TABLE policy_governance.incident ADD CONSTRAINT incident_acknowledged CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL));
ALTER TABLE policy_governance.incident ADD CONSTRAINT incident_escalation_stopped CHECK (acknowledged_at IS NULL OR next_escalation_at IS NULL);
ALTER TABLE policy_governance.policy ADD CONSTRAINT policy_state CHECK (state IN ('ACTIVE', 'RETIRED'));
ALTER TABLE policy_governance.decision ADD CONSTRAINT decision_outcome CHECK (outcome IN ('ALLOW', 'DENY', 'MODIFY', 'ESCALATE', 'AUDIT_ONLY', 'REQUIRE_APPROVAL'));
ALTER TABLE policy_governance.decision ADD CONSTRAINT decision_fails_closed CHECK (NOT permitted OR (outcome IN ('ALLOW', 'MODIFY', 'AUDIT_ONLY') AND cardinality(errors) = 0));

-- One open incident for each alert group.
CREATE UNIQUE INDEX incident_open_group ON policy_governance.incident (group_key) WHERE group_key IS NOT NULL AND status IN ('DECLARED', 'TRIAGED', 'MITIGATED');
CREATE INDEX incident_due_escalation ON policy_governance.incident (next_escalation_at) WHERE next_escalation_at IS NOT NULL;
CREATE INDEX alert_firing ON policy_governance.alert (fingerprint, starts_at) WHERE state = 'FIRING';
CREATE INDEX alert_firing_of_incident ON policy_governance.alert (incident_id) WHERE state = 'FIRING';
-- The gateway may report one violation several times with another moment; its fingerprint alone identifies it.
CREATE UNIQUE INDEX alert_gateway_once ON policy_governance.alert (fingerprint) WHERE source = 'GATEWAY';

INSERT INTO policy_governance.policy_set (id, revision, digest) VALUES (1, 0, '');
ALTER TABLE policy_governance.policy_set ADD CONSTRAINT policy_set_single CHECK (id = 1);

-- Histories nobody rewrites, their owner included.
CREATE FUNCTION policy_governance.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: it is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_governance.timeline_entry FOR EACH STATEMENT EXECUTE FUNCTION policy_governance.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_governance.policy_version FOR EACH STATEMENT EXECUTE FUNCTION policy_governance.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_governance.decision FOR EACH STATEMENT EXECUTE FUNCTION policy_governance.refuse_change();

SELECT public.acgs_govern('policy_governance', 'service');
SELECT public.acgs_govern('policy_governance', 'slo');
SELECT public.acgs_govern('policy_governance', 'alert_rule');
SELECT public.acgs_govern('policy_governance', 'escalation_policy');
SELECT public.acgs_govern('policy_governance', 'escalation_step');
SELECT public.acgs_govern('policy_governance', 'alert');
SELECT public.acgs_govern('policy_governance', 'incident');
SELECT public.acgs_govern('policy_governance', 'timeline_entry');
SELECT public.acgs_govern('policy_governance', 'policy');
SELECT public.acgs_govern('policy_governance', 'policy_version');
SELECT public.acgs_govern('policy_governance', 'decision');
