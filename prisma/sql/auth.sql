-- References inside the subgraph, without relations in Prisma: stores read by key.
ALTER TABLE auth.password_credential ADD CONSTRAINT password_credential_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);
ALTER TABLE auth.role_grant ADD CONSTRAINT role_grant_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);
ALTER TABLE auth.session ADD CONSTRAINT session_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);
ALTER TABLE auth.refresh_token ADD CONSTRAINT refresh_token_session FOREIGN KEY (session_id) REFERENCES auth.session (id);
ALTER TABLE auth.api_key ADD CONSTRAINT api_key_owner FOREIGN KEY (owner_id) REFERENCES auth.principal (id);
ALTER TABLE auth.api_key_use ADD CONSTRAINT api_key_use_key FOREIGN KEY (api_key_id) REFERENCES auth.api_key (id);
ALTER TABLE auth.team_member ADD CONSTRAINT team_member_team FOREIGN KEY (team_id) REFERENCES auth.team (id);
ALTER TABLE auth.team_member ADD CONSTRAINT team_member_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);
ALTER TABLE auth.service_team ADD CONSTRAINT service_team_team FOREIGN KEY (team_id) REFERENCES auth.team (id);
ALTER TABLE auth.team_contact ADD CONSTRAINT team_contact_team FOREIGN KEY (team_id) REFERENCES auth.team (id);
ALTER TABLE auth.team_contact ADD CONSTRAINT team_contact_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);
ALTER TABLE auth.on_call_schedule ADD CONSTRAINT on_call_schedule_team FOREIGN KEY (team_id) REFERENCES auth.team (id);
ALTER TABLE auth.on_call_rotation ADD CONSTRAINT on_call_rotation_schedule FOREIGN KEY (schedule_id) REFERENCES auth.on_call_schedule (id);
ALTER TABLE auth.on_call_override ADD CONSTRAINT on_call_override_schedule FOREIGN KEY (schedule_id) REFERENCES auth.on_call_schedule (id);
ALTER TABLE auth.on_call_override ADD CONSTRAINT on_call_override_principal FOREIGN KEY (principal_id) REFERENCES auth.principal (id);

-- Vocabulary and invariants the domain also checks.
ALTER TABLE auth.principal ADD CONSTRAINT principal_kind CHECK (kind IN ('HUMAN', 'SERVICE', 'AGENT'));
ALTER TABLE auth.principal ADD CONSTRAINT principal_username CHECK (username ~ '^[a-z][a-z0-9._-]{1,63}$');
ALTER TABLE auth.principal ADD CONSTRAINT principal_disabled CHECK (active = (disabled_at IS NULL));
ALTER TABLE auth.password_credential ADD CONSTRAINT password_is_argon2id CHECK (hash LIKE '$argon2id$%');
ALTER TABLE auth.role_grant ADD CONSTRAINT role_grant_ended CHECK ((ended_at IS NULL) = (end_reason IS NULL) AND end_reason IN ('EXPIRED', 'REVOKED'));
ALTER TABLE auth.role_grant ADD CONSTRAINT role_grant_not_to_oneself CHECK (granted_by <> principal_id);
ALTER TABLE auth.session ADD CONSTRAINT session_ended CHECK ((ended_at IS NULL) = (end_reason IS NULL) AND end_reason IN ('LOGGED_OUT', 'REVOKED', 'REUSE_DETECTED'));
ALTER TABLE auth.refresh_token ADD CONSTRAINT refresh_token_hash_length CHECK (octet_length(token_hash) = 32);
ALTER TABLE auth.api_key ADD CONSTRAINT api_key_hash_length CHECK (octet_length(secret_hash) = 32);
ALTER TABLE auth.revocation ADD CONSTRAINT revocation_of_one CHECK ((credential_id IS NULL) <> (principal_id IS NULL));
ALTER TABLE auth.revocation_epoch ADD CONSTRAINT revocation_epoch_single CHECK (id = 1);
ALTER TABLE auth.team_contact ADD CONSTRAINT team_contact_kind CHECK (kind IN ('ON_CALL', 'ESCALATION', 'SPECIALIST', 'EMERGENCY_LINE'));
ALTER TABLE auth.on_call_rotation ADD CONSTRAINT on_call_rotation_handoff CHECK (handoff_weekday BETWEEN 1 AND 7 AND handoff_minute BETWEEN 0 AND 1439);
ALTER TABLE auth.on_call_rotation ADD CONSTRAINT on_call_rotation_manned CHECK (cardinality(participant_ids) >= 1);
ALTER TABLE auth.on_call_override ADD CONSTRAINT on_call_override_window CHECK (ends_at > starts_at);

INSERT INTO auth.revocation_epoch (id, value) VALUES (1, 0);

CREATE UNIQUE INDEX role_grant_open ON auth.role_grant (principal_id, role) WHERE ended_at IS NULL;
CREATE INDEX role_grant_due ON auth.role_grant (expires_at) WHERE ended_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX session_open ON auth.session (principal_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX refresh_token_newest ON auth.refresh_token (session_id) WHERE rotated_at IS NULL;

SELECT public.acgs_govern('auth', 'principal');
SELECT public.acgs_govern('auth', 'password_credential');
SELECT public.acgs_govern('auth', 'role_grant');
SELECT public.acgs_govern('auth', 'session');
SELECT public.acgs_govern('auth', 'api_key');
SELECT public.acgs_govern('auth', 'signing_key');
SELECT public.acgs_govern('auth', 'team');
SELECT public.acgs_govern('auth', 'team_member');
SELECT public.acgs_govern('auth', 'service_team');
SELECT public.acgs_govern('auth', 'team_contact');
SELECT public.acgs_govern('auth', 'on_call_schedule');
SELECT public.acgs_govern('auth', 'on_call_rotation');
SELECT public.acgs_govern('auth', 'on_call_override');
