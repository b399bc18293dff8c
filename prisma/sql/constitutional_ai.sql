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
