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
