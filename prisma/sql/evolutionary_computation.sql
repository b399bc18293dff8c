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
