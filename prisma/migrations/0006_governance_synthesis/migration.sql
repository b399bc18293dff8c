-- CreateTable
CREATE TABLE "governance_synthesis"."counter" (
    "key" TEXT NOT NULL,
    "last" INTEGER NOT NULL,

    CONSTRAINT "counter_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."change_rule" (
    "category" TEXT NOT NULL,
    "review_period_hours" INTEGER NOT NULL,
    "decision_period_hours" INTEGER NOT NULL,
    "validity_hours" INTEGER NOT NULL,
    "post_review_hours" INTEGER NOT NULL,
    "window_required" BOOLEAN NOT NULL,
    "documentation" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "change_rule_pkey" PRIMARY KEY ("category")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."change_rule_step" (
    "category" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "authority" TEXT NOT NULL,
    "roles" TEXT[],
    "count" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "change_rule_step_pkey" PRIMARY KEY ("category","position")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."maintenance_window" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "recurrence" TEXT NOT NULL,
    "weekday" INTEGER NOT NULL,
    "start_minute" INTEGER NOT NULL,
    "duration_minutes" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "maintenance_window_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."change_request" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "title" TEXT NOT NULL,
    "summary" TEXT NOT NULL,
    "justification" TEXT NOT NULL,
    "category" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "service_id" TEXT NOT NULL,
    "incident_id" TEXT,
    "requester_id" TEXT NOT NULL,
    "implementer_id" TEXT NOT NULL,
    "action_kind" TEXT NOT NULL,
    "action_parameters" JSONB NOT NULL,
    "implementation_plan" TEXT,
    "risk_assessment" TEXT,
    "rollback_plan" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "constitutional_hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "submitted_at" TIMESTAMPTZ(3) NOT NULL,
    "planned_start" TIMESTAMPTZ(3),
    "opens_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "approved_at" TIMESTAMPTZ(3),
    "grant_nonce" TEXT,
    "closing_reason" TEXT,
    "closed_by_id" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "completed_at" TIMESTAMPTZ(3),
    "outcome" TEXT,
    "outcome_notes" TEXT,
    "review_due_at" TIMESTAMPTZ(3),
    "review_overdue_at" TIMESTAMPTZ(3),
    "reviewed_at" TIMESTAMPTZ(3),
    "reviewed_by_id" TEXT,
    "review_findings" TEXT,

    CONSTRAINT "change_request_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."approval" (
    "id" TEXT NOT NULL,
    "change_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "step" INTEGER NOT NULL,
    "approver_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "comment" TEXT,
    "cab_meeting_id" TEXT,
    "approved_at" TIMESTAMPTZ(3) NOT NULL,
    "voided_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "approval_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."cab_meeting" (
    "id" TEXT NOT NULL,
    "scheduled_at" TIMESTAMPTZ(3) NOT NULL,
    "quorum" INTEGER NOT NULL,
    "scheduled_by_id" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "cab_meeting_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."cab_decision" (
    "change_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "meeting_id" TEXT NOT NULL,
    "result" TEXT NOT NULL,
    "votes" JSONB NOT NULL,
    "rationale" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "recorded_by_id" TEXT NOT NULL,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "cab_decision_pkey" PRIMARY KEY ("change_id","revision")
);

-- CreateIndex
CREATE UNIQUE INDEX "change_request_ordinal_key" ON "governance_synthesis"."change_request"("ordinal");

-- CreateIndex
CREATE INDEX "change_request_service_id_ordinal_idx" ON "governance_synthesis"."change_request"("service_id", "ordinal");

-- CreateIndex
CREATE INDEX "change_request_incident_id_ordinal_idx" ON "governance_synthesis"."change_request"("incident_id", "ordinal");

-- CreateIndex
CREATE INDEX "change_request_status_ordinal_idx" ON "governance_synthesis"."change_request"("status", "ordinal");

-- CreateIndex
CREATE INDEX "approval_approver_id_approved_at_idx" ON "governance_synthesis"."approval"("approver_id", "approved_at");

-- CreateIndex
CREATE UNIQUE INDEX "approval_change_id_revision_approver_id_key" ON "governance_synthesis"."approval"("change_id", "revision", "approver_id");

-- CreateIndex
CREATE UNIQUE INDEX "cab_meeting_scheduled_at_key" ON "governance_synthesis"."cab_meeting"("scheduled_at");

-- CreateIndex
CREATE INDEX "cab_decision_meeting_id_recorded_at_idx" ON "governance_synthesis"."cab_decision"("meeting_id", "recorded_at");

-- AddForeignKey
ALTER TABLE "governance_synthesis"."change_rule_step" ADD CONSTRAINT "change_rule_step_category_fkey" FOREIGN KEY ("category") REFERENCES "governance_synthesis"."change_rule"("category") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "governance_synthesis"."approval" ADD CONSTRAINT "approval_change_id_fkey" FOREIGN KEY ("change_id") REFERENCES "governance_synthesis"."change_request"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "governance_synthesis"."cab_decision" ADD CONSTRAINT "cab_decision_change_id_fkey" FOREIGN KEY ("change_id") REFERENCES "governance_synthesis"."change_request"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "governance_synthesis"."cab_decision" ADD CONSTRAINT "cab_decision_meeting_id_fkey" FOREIGN KEY ("meeting_id") REFERENCES "governance_synthesis"."cab_meeting"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

SELECT public.acgs_govern('governance_synthesis', 'change_rule');
SELECT public.acgs_govern('governance_synthesis', 'change_rule_step');
SELECT public.acgs_govern('governance_synthesis', 'maintenance_window');
SELECT public.acgs_govern('governance_synthesis', 'change_request');
SELECT public.acgs_govern('governance_synthesis', 'approval');
SELECT public.acgs_govern('governance_synthesis', 'cab_meeting');
SELECT public.acgs_govern('governance_synthesis', 'cab_decision');

ALTER TABLE governance_synthesis.change_rule
  ADD CONSTRAINT rule_category CHECK (category IN ('EMERGENCY', 'STANDARD', 'NORMAL')),
  ADD CONSTRAINT rule_documentation CHECK (documentation IN ('POST_IMPLEMENTATION', 'PRE_IMPLEMENTATION', 'FULL_PROCESS')),
  ADD CONSTRAINT rule_periods CHECK (review_period_hours >= 0 AND decision_period_hours > 0 AND validity_hours > 0 AND post_review_hours > 0);
ALTER TABLE governance_synthesis.change_rule_step
  ADD CONSTRAINT step_authority CHECK (authority IN ('ROLE', 'CAB')),
  ADD CONSTRAINT step_roles CHECK (cardinality(roles) > 0),
  ADD CONSTRAINT step_count CHECK (count > 0 AND position > 0);
ALTER TABLE governance_synthesis.maintenance_window
  ADD CONSTRAINT window_recurrence CHECK (recurrence IN ('WEEKLY', 'MONTHLY', 'QUARTERLY')),
  ADD CONSTRAINT window_day CHECK (weekday BETWEEN 0 AND 6 AND start_minute BETWEEN 0 AND 1439),
  ADD CONSTRAINT window_duration CHECK (duration_minutes BETWEEN 1 AND 1440);
ALTER TABLE governance_synthesis.change_request
  ADD CONSTRAINT change_category CHECK (category IN ('EMERGENCY', 'STANDARD', 'NORMAL')),
  ADD CONSTRAINT change_status CHECK (status IN ('SUBMITTED', 'APPROVED', 'REJECTED', 'IMPLEMENTING', 'IMPLEMENTED', 'REVIEWED', 'EXPIRED', 'WITHDRAWN')),
  ADD CONSTRAINT change_action CHECK (action_kind IN ('DEPLOY_INSTANCE', 'PUBLISH_POLICY', 'CONFIGURATION', 'OTHER')),
  ADD CONSTRAINT change_rollback_plan CHECK (rollback_plan <> ''),
  ADD CONSTRAINT change_digest CHECK (digest ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT change_counts CHECK (revision > 0 AND version >= revision),
  ADD CONSTRAINT change_approved CHECK (status NOT IN ('APPROVED', 'IMPLEMENTING', 'IMPLEMENTED', 'REVIEWED') OR (approved_at IS NOT NULL AND opens_at IS NOT NULL AND grant_nonce IS NOT NULL)),
  ADD CONSTRAINT change_outcome CHECK (status NOT IN ('IMPLEMENTED', 'REVIEWED') OR (outcome IN ('SUCCEEDED', 'FAILED') AND review_due_at IS NOT NULL)),
  ADD CONSTRAINT change_reviewer CHECK (reviewed_by_id IS NULL OR reviewed_by_id <> implementer_id);
CREATE UNIQUE INDEX change_grant_nonce ON governance_synthesis.change_request (grant_nonce) WHERE grant_nonce IS NOT NULL;
CREATE INDEX change_lapsing ON governance_synthesis.change_request (expires_at) WHERE status IN ('SUBMITTED', 'APPROVED');
CREATE INDEX change_review_due ON governance_synthesis.change_request (review_due_at) WHERE status = 'IMPLEMENTED' AND review_overdue_at IS NULL;
CREATE INDEX change_planned ON governance_synthesis.change_request ((coalesce(opens_at, planned_start, submitted_at))) WHERE status IN ('SUBMITTED', 'APPROVED', 'IMPLEMENTING');

-- The database itself keeps duties apart and approvals bound to what was read, whoever writes the row.
CREATE FUNCTION governance_synthesis.check_approval() RETURNS trigger LANGUAGE plpgsql AS $fn$
DECLARE
  subject governance_synthesis.change_request%ROWTYPE;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.voided_at IS NOT NULL OR NEW.voided_at IS NULL OR (to_jsonb(NEW) - 'voided_at') IS DISTINCT FROM (to_jsonb(OLD) - 'voided_at') THEN
      RAISE EXCEPTION 'approval % is immutable: it can only be voided, once', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO subject FROM governance_synthesis.change_request c WHERE c.id = NEW.change_id;
  IF NEW.approver_id IN (subject.requester_id, subject.implementer_id) THEN
    RAISE EXCEPTION '% may not approve their own change %', NEW.approver_id, NEW.change_id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.digest <> subject.digest OR NEW.revision <> subject.revision THEN
    RAISE EXCEPTION 'an approval of % must bind its current content', NEW.change_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$fn$;
CREATE TRIGGER check_approval BEFORE INSERT OR UPDATE ON governance_synthesis.approval FOR EACH ROW EXECUTE FUNCTION governance_synthesis.check_approval();

CREATE FUNCTION governance_synthesis.refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: change records are kept', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON governance_synthesis.change_request FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON governance_synthesis.approval FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON governance_synthesis.cab_decision FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
