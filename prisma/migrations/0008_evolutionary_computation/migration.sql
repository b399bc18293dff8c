-- CreateTable
CREATE TABLE "evolutionary_computation"."counter" (
    "key" TEXT NOT NULL,
    "last" BIGINT NOT NULL,

    CONSTRAINT "counter_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."lease" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "lease_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."model_version" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "major" INTEGER NOT NULL,
    "minor" INTEGER NOT NULL,
    "patch" INTEGER NOT NULL,
    "artifact_digest" TEXT NOT NULL,
    "git_commit" TEXT NOT NULL,
    "parent_id" TEXT,
    "accuracy" DOUBLE PRECISION NOT NULL,
    "compliance" DOUBLE PRECISION NOT NULL,
    "p95_seconds" DOUBLE PRECISION NOT NULL,
    "registered_by_id" TEXT NOT NULL,
    "registered_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "model_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."model_alias" (
    "model_name" TEXT NOT NULL,
    "alias" TEXT NOT NULL,
    "version_id" TEXT NOT NULL,
    "previous_version_id" TEXT,
    "revision" INTEGER NOT NULL,
    "set_by_id" TEXT NOT NULL,
    "set_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "model_alias_pkey" PRIMARY KEY ("model_name","alias")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."service_instance" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "service_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "baseline" BOOLEAN NOT NULL,
    "revision" INTEGER NOT NULL,
    "registered_by_id" TEXT NOT NULL,
    "registered_at" TIMESTAMPTZ(3) NOT NULL,
    "retired_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "service_instance_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."instance_probe" (
    "instance_id" TEXT NOT NULL,
    "probed_at" TIMESTAMPTZ(3) NOT NULL,
    "latency_ms" DOUBLE PRECISION NOT NULL,
    "outcome" TEXT NOT NULL,
    "consecutive_failures" INTEGER NOT NULL,

    CONSTRAINT "instance_probe_pkey" PRIMARY KEY ("instance_id")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."deployment" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "service_id" TEXT NOT NULL,
    "instance_id" TEXT NOT NULL,
    "previous_deployment_id" TEXT,
    "previous_instance_id" TEXT,
    "version" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "change_id" TEXT,
    "incident_id" TEXT,
    "grant_expires_at" TIMESTAMPTZ(3),
    "requested_by_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "activated_at" TIMESTAMPTZ(3),
    "failure" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "deployment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."deployment_step" (
    "deployment_id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "detail" TEXT,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "deployment_step_pkey" PRIMARY KEY ("deployment_id","position")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."consumed_grant" (
    "nonce" TEXT NOT NULL,
    "change_id" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "deployment_id" TEXT NOT NULL,
    "consumed_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "consumed_grant_pkey" PRIMARY KEY ("nonce")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."service_target" (
    "service_id" TEXT NOT NULL,
    "instance_id" TEXT NOT NULL,
    "deployment_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "version" BIGINT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "service_target_pkey" PRIMARY KEY ("service_id")
);

-- CreateTable
CREATE TABLE "evolutionary_computation"."rollback_report" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "service_id" TEXT NOT NULL,
    "deployment_id" TEXT NOT NULL,
    "restored_deployment_id" TEXT NOT NULL,
    "from_instance_id" TEXT NOT NULL,
    "to_instance_id" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "incident_id" TEXT,
    "requested_by_id" TEXT NOT NULL,
    "attempts" JSONB NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "completed_at" TIMESTAMPTZ(3) NOT NULL,
    "probe_duration_ms" DOUBLE PRECISION NOT NULL,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "rollback_report_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "model_version_ordinal_key" ON "evolutionary_computation"."model_version"("ordinal");

-- CreateIndex
CREATE INDEX "model_version_name_ordinal_idx" ON "evolutionary_computation"."model_version"("name", "ordinal");

-- CreateIndex
CREATE INDEX "model_version_parent_id_ordinal_idx" ON "evolutionary_computation"."model_version"("parent_id", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "model_version_name_major_minor_patch_key" ON "evolutionary_computation"."model_version"("name", "major", "minor", "patch");

-- CreateIndex
CREATE INDEX "model_alias_version_id_idx" ON "evolutionary_computation"."model_alias"("version_id");

-- CreateIndex
CREATE UNIQUE INDEX "service_instance_ordinal_key" ON "evolutionary_computation"."service_instance"("ordinal");

-- CreateIndex
CREATE INDEX "service_instance_service_id_ordinal_idx" ON "evolutionary_computation"."service_instance"("service_id", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "deployment_ordinal_key" ON "evolutionary_computation"."deployment"("ordinal");

-- CreateIndex
CREATE INDEX "deployment_service_id_ordinal_idx" ON "evolutionary_computation"."deployment"("service_id", "ordinal");

-- CreateIndex
CREATE INDEX "deployment_change_id_ordinal_idx" ON "evolutionary_computation"."deployment"("change_id", "ordinal");

-- CreateIndex
CREATE INDEX "deployment_status_ordinal_idx" ON "evolutionary_computation"."deployment"("status", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "consumed_grant_deployment_id_key" ON "evolutionary_computation"."consumed_grant"("deployment_id");

-- CreateIndex
CREATE UNIQUE INDEX "rollback_report_ordinal_key" ON "evolutionary_computation"."rollback_report"("ordinal");

-- CreateIndex
CREATE INDEX "rollback_report_incident_id_ordinal_idx" ON "evolutionary_computation"."rollback_report"("incident_id", "ordinal");

-- CreateIndex
CREATE INDEX "rollback_report_deployment_id_ordinal_idx" ON "evolutionary_computation"."rollback_report"("deployment_id", "ordinal");

-- AddForeignKey
ALTER TABLE "evolutionary_computation"."model_version" ADD CONSTRAINT "model_version_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "evolutionary_computation"."model_version"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "evolutionary_computation"."model_alias" ADD CONSTRAINT "model_alias_version_id_fkey" FOREIGN KEY ("version_id") REFERENCES "evolutionary_computation"."model_version"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "evolutionary_computation"."model_alias" ADD CONSTRAINT "model_alias_previous_version_id_fkey" FOREIGN KEY ("previous_version_id") REFERENCES "evolutionary_computation"."model_version"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "evolutionary_computation"."instance_probe" ADD CONSTRAINT "instance_probe_instance_id_fkey" FOREIGN KEY ("instance_id") REFERENCES "evolutionary_computation"."service_instance"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "evolutionary_computation"."deployment_step" ADD CONSTRAINT "deployment_step_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "evolutionary_computation"."deployment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

SELECT public.acgs_govern('evolutionary_computation', 'model_version');
SELECT public.acgs_govern('evolutionary_computation', 'model_alias');
SELECT public.acgs_govern('evolutionary_computation', 'service_instance');
SELECT public.acgs_govern('evolutionary_computation', 'deployment');
SELECT public.acgs_govern('evolutionary_computation', 'deployment_step');
SELECT public.acgs_govern('evolutionary_computation', 'consumed_grant');
SELECT public.acgs_govern('evolutionary_computation', 'service_target');
SELECT public.acgs_govern('evolutionary_computation', 'rollback_report');

-- The version of the target table starts before its first change.
INSERT INTO evolutionary_computation.counter (key, last) VALUES ('targets', 0);

ALTER TABLE evolutionary_computation.model_version
  ADD CONSTRAINT model_name CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
  ADD CONSTRAINT model_semver CHECK (major >= 0 AND minor >= 0 AND patch >= 0),
  ADD CONSTRAINT model_id CHECK (id = name || '@' || major || '.' || minor || '.' || patch),
  ADD CONSTRAINT model_digest CHECK (artifact_digest ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT model_commit CHECK (git_commit ~ '^[0-9a-f]{40}$'),
  ADD CONSTRAINT model_metrics CHECK (accuracy BETWEEN 0 AND 1 AND compliance BETWEEN 0 AND 1 AND p95_seconds >= 0 AND p95_seconds < 'Infinity'),
  ADD CONSTRAINT model_parent CHECK (parent_id <> id);
ALTER TABLE evolutionary_computation.model_alias
  ADD CONSTRAINT alias_form CHECK (alias ~ '^[a-z][a-z0-9-]{0,31}$'),
  ADD CONSTRAINT alias_revision CHECK (revision > 0),
  ADD CONSTRAINT alias_of_its_model CHECK (starts_with(version_id, model_name || '@'));
ALTER TABLE evolutionary_computation.service_instance
  ADD CONSTRAINT instance_state CHECK (state IN ('REGISTERED', 'HEALTHY', 'UNHEALTHY', 'RETIRED')),
  ADD CONSTRAINT instance_retired CHECK ((state = 'RETIRED') = (retired_at IS NOT NULL)),
  ADD CONSTRAINT instance_baseline_stays CHECK (NOT (baseline AND state = 'RETIRED')),
  ADD CONSTRAINT instance_url CHECK (url ~ '^https?://[^/@?#[:space:]]+$');
-- A baseline moves with the installation and may come to stand where a forgotten instance stood.
CREATE UNIQUE INDEX instance_url_in_use ON evolutionary_computation.service_instance (url) WHERE state <> 'RETIRED' AND NOT baseline;
CREATE UNIQUE INDEX instance_baseline ON evolutionary_computation.service_instance (service_id) WHERE baseline;
ALTER TABLE evolutionary_computation.deployment
  ADD CONSTRAINT deployment_status CHECK (status IN ('PENDING', 'PROBING', 'ACTIVE', 'SUPERSEDED', 'ROLLED_BACK', 'FAILED')),
  ADD CONSTRAINT deployment_failure CHECK ((status = 'FAILED') = (failure IS NOT NULL)),
  ADD CONSTRAINT deployment_activated CHECK (status NOT IN ('ACTIVE', 'SUPERSEDED', 'ROLLED_BACK') OR activated_at IS NOT NULL),
  ADD CONSTRAINT deployment_grant CHECK ((change_id IS NULL) = (grant_expires_at IS NULL)),
  ADD CONSTRAINT deployment_instance_exists FOREIGN KEY (instance_id) REFERENCES evolutionary_computation.service_instance (id),
  ADD CONSTRAINT deployment_previous_exists FOREIGN KEY (previous_deployment_id) REFERENCES evolutionary_computation.deployment (id);
CREATE UNIQUE INDEX deployment_one_active ON evolutionary_computation.deployment (service_id) WHERE status = 'ACTIVE';
CREATE UNIQUE INDEX deployment_one_under_way ON evolutionary_computation.deployment (service_id) WHERE status IN ('PENDING', 'PROBING');
ALTER TABLE evolutionary_computation.service_target
  ADD CONSTRAINT target_instance_exists FOREIGN KEY (instance_id) REFERENCES evolutionary_computation.service_instance (id),
  ADD CONSTRAINT target_deployment_exists FOREIGN KEY (deployment_id) REFERENCES evolutionary_computation.deployment (id),
  ADD CONSTRAINT target_version CHECK (version > 0);
ALTER TABLE evolutionary_computation.consumed_grant
  ADD CONSTRAINT grant_deployment_exists FOREIGN KEY (deployment_id) REFERENCES evolutionary_computation.deployment (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE evolutionary_computation.rollback_report
  ADD CONSTRAINT report_goes_elsewhere CHECK (deployment_id <> restored_deployment_id AND from_instance_id <> to_instance_id),
  ADD CONSTRAINT report_reason CHECK (reason <> '');

CREATE FUNCTION evolutionary_computation.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: these records are kept as they were written', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
-- A model version never changes: with its parent fixed before it exists, lineage cannot close into a cycle.
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON evolutionary_computation.model_version FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON evolutionary_computation.deployment_step FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON evolutionary_computation.consumed_grant FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON evolutionary_computation.rollback_report FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON evolutionary_computation.deployment FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();

-- The gateway compares versions of the target table: a number never goes back.
CREATE FUNCTION evolutionary_computation.only_grow() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  IF NEW.last < OLD.last THEN
    RAISE EXCEPTION 'counter % cannot go back from % to %', OLD.key, OLD.last, NEW.last USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$fn$;
CREATE TRIGGER only_grow BEFORE UPDATE ON evolutionary_computation.counter FOR EACH ROW EXECUTE FUNCTION evolutionary_computation.only_grow();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON evolutionary_computation.counter FOR EACH STATEMENT EXECUTE FUNCTION evolutionary_computation.refuse_change();
