SELECT public.acgs_govern('governance_synthesis', 'schema_document');
SELECT public.acgs_govern('governance_synthesis', 'schema_version');
SELECT public.acgs_govern('governance_synthesis', 'schema_activation');
SELECT public.acgs_govern('governance_synthesis', 'schema_check');
SELECT public.acgs_govern('governance_synthesis', 'schema_approval');

-- Names that are digests are the digests of what they name, whoever writes the row.
ALTER TABLE governance_synthesis.schema_document
  ADD CONSTRAINT document_is_its_digest CHECK (digest = encode(sha256(convert_to(sdl, 'UTF8')), 'hex'));
ALTER TABLE governance_synthesis.schema_version
  ADD CONSTRAINT version_is_its_digest CHECK (id = encode(sha256(convert_to(supergraph_sdl, 'UTF8')), 'hex')),
  ADD CONSTRAINT version_number CHECK (number > 0),
  ADD CONSTRAINT version_set CHECK (set_digest ~ '^[0-9a-f]{64}$');
ALTER TABLE governance_synthesis.schema_activation
  ADD CONSTRAINT activation_number CHECK (number > 0),
  ADD CONSTRAINT activation_kind CHECK (kind IN ('INSTALLATION', 'PUBLICATION', 'ROLLBACK'));
ALTER TABLE governance_synthesis.schema_check
  ADD CONSTRAINT check_verdict CHECK (verdict IN ('SAFE', 'DANGEROUS', 'BREAKING', 'INVALID')),
  ADD CONSTRAINT check_digest CHECK (proposed_digest ~ '^[0-9a-f]{64}$');
ALTER TABLE governance_synthesis.schema_approval
  ADD CONSTRAINT approval_covers_something CHECK (cardinality(fingerprints) > 0),
  ADD CONSTRAINT approval_period CHECK (expires_at > approved_at);
ALTER TABLE governance_synthesis.schema_operation
  ADD CONSTRAINT operation_is_its_digest CHECK (hash = encode(sha256(convert_to(text, 'UTF8')), 'hex'));
ALTER TABLE governance_synthesis.schema_operation_day
  ADD CONSTRAINT day_count CHECK (count > 0);

-- Nobody approves what they asked to have checked, and an approval binds what was checked.
CREATE FUNCTION governance_synthesis.check_schema_approval() RETURNS trigger LANGUAGE plpgsql AS $fn$
DECLARE
  subject governance_synthesis.schema_check%ROWTYPE;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.used_by_id IS NOT NULL OR NEW.used_by_id IS NULL OR (to_jsonb(NEW) - 'used_by_id') IS DISTINCT FROM (to_jsonb(OLD) - 'used_by_id') THEN
      RAISE EXCEPTION 'schema approval % is immutable: it can only be used, once', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO subject FROM governance_synthesis.schema_check c WHERE c.id = NEW.check_id;
  IF NEW.approver_id = subject.requested_by_id THEN
    RAISE EXCEPTION '% may not approve their own schema check %', NEW.approver_id, NEW.check_id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.digest <> subject.proposed_digest OR NOT NEW.fingerprints <@ subject.breaking THEN
    RAISE EXCEPTION 'an approval of % must bind what was checked', NEW.check_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$fn$;
CREATE TRIGGER check_schema_approval BEFORE INSERT OR UPDATE ON governance_synthesis.schema_approval FOR EACH ROW EXECUTE FUNCTION governance_synthesis.check_schema_approval();

CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON governance_synthesis.schema_document FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON governance_synthesis.schema_version FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON governance_synthesis.schema_activation FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON governance_synthesis.schema_check FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
CREATE TRIGGER keep_rows BEFORE DELETE OR TRUNCATE ON governance_synthesis.schema_approval FOR EACH STATEMENT EXECUTE FUNCTION governance_synthesis.refuse_removal();
