-- CreateTable
CREATE TABLE "auth"."principal" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "disabled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "principal_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."password_credential" (
    "principal_id" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "password_credential_pkey" PRIMARY KEY ("principal_id")
);

-- CreateTable
CREATE TABLE "auth"."role_grant" (
    "id" TEXT NOT NULL,
    "principal_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "granted_by" TEXT NOT NULL,
    "granted_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "ended_by" TEXT,
    "end_reason" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "role_grant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."session" (
    "id" TEXT NOT NULL,
    "principal_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "refreshed_at" TIMESTAMPTZ(3),
    "generation" INTEGER NOT NULL DEFAULT 0,
    "login_key" BYTEA,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."refresh_token" (
    "session_id" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "rotated_at" TIMESTAMPTZ(3),
    "rotation_key" BYTEA,

    CONSTRAINT "refresh_token_pkey" PRIMARY KEY ("session_id","generation")
);

-- CreateTable
CREATE TABLE "auth"."api_key" (
    "id" TEXT NOT NULL,
    "owner_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."api_key_use" (
    "api_key_id" TEXT NOT NULL,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "api_key_use_pkey" PRIMARY KEY ("api_key_id")
);

-- CreateTable
CREATE TABLE "auth"."signing_key" (
    "kid" TEXT NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "retired_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "signing_key_pkey" PRIMARY KEY ("kid")
);

-- CreateTable
CREATE TABLE "auth"."revocation_epoch" (
    "id" INTEGER NOT NULL,
    "value" BIGINT NOT NULL,

    CONSTRAINT "revocation_epoch_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."revocation" (
    "epoch" BIGINT NOT NULL,
    "credential_id" TEXT,
    "principal_id" TEXT,
    "before" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "revocation_pkey" PRIMARY KEY ("epoch")
);

-- CreateTable
CREATE TABLE "auth"."login_throttle" (
    "username_digest" BYTEA NOT NULL,
    "failures" INTEGER NOT NULL,
    "last_attempt_at" TIMESTAMPTZ(3) NOT NULL,
    "blocked_until" TIMESTAMPTZ(3),

    CONSTRAINT "login_throttle_pkey" PRIMARY KEY ("username_digest")
);

-- CreateTable
CREATE TABLE "auth"."login_failure_tally" (
    "subject" TEXT NOT NULL,
    "pending" INTEGER NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,
    "reported_at" TIMESTAMPTZ(3),

    CONSTRAINT "login_failure_tally_pkey" PRIMARY KEY ("subject")
);

-- CreateTable
CREATE TABLE "auth"."team" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "team_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."team_member" (
    "team_id" TEXT NOT NULL,
    "principal_id" TEXT NOT NULL,
    "added_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "team_member_pkey" PRIMARY KEY ("team_id","principal_id")
);

-- CreateTable
CREATE TABLE "auth"."service_team" (
    "service_id" TEXT NOT NULL,
    "team_id" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "service_team_pkey" PRIMARY KEY ("service_id")
);

-- CreateTable
CREATE TABLE "auth"."team_contact" (
    "id" TEXT NOT NULL,
    "team_id" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "principal_id" TEXT,
    "address" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "team_contact_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."on_call_schedule" (
    "id" TEXT NOT NULL,
    "team_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "on_call_schedule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."on_call_rotation" (
    "id" TEXT NOT NULL,
    "schedule_id" TEXT NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "participant_ids" TEXT[],
    "handoff_weekday" INTEGER NOT NULL,
    "handoff_minute" INTEGER NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "on_call_rotation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."on_call_override" (
    "id" TEXT NOT NULL,
    "schedule_id" TEXT NOT NULL,
    "principal_id" TEXT NOT NULL,
    "starts_at" TIMESTAMPTZ(3) NOT NULL,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,
    "reason" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "on_call_override_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "principal_username_key" ON "auth"."principal"("username");

-- CreateIndex
CREATE INDEX "principal_created_at_idx" ON "auth"."principal"("created_at");

-- CreateIndex
CREATE INDEX "role_grant_principal_id_granted_at_idx" ON "auth"."role_grant"("principal_id", "granted_at");

-- CreateIndex
CREATE INDEX "session_principal_id_created_at_idx" ON "auth"."session"("principal_id", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "session_principal_id_login_key_key" ON "auth"."session"("principal_id", "login_key");

-- CreateIndex
CREATE UNIQUE INDEX "refresh_token_session_id_token_hash_key" ON "auth"."refresh_token"("session_id", "token_hash");

-- CreateIndex
CREATE INDEX "api_key_owner_id_created_at_idx" ON "auth"."api_key"("owner_id", "created_at");

-- CreateIndex
CREATE INDEX "revocation_created_at_idx" ON "auth"."revocation"("created_at");

-- CreateIndex
CREATE INDEX "login_throttle_last_attempt_at_idx" ON "auth"."login_throttle"("last_attempt_at");

-- CreateIndex
CREATE UNIQUE INDEX "team_name_key" ON "auth"."team"("name");

-- CreateIndex
CREATE INDEX "service_team_team_id_idx" ON "auth"."service_team"("team_id");

-- CreateIndex
CREATE UNIQUE INDEX "team_contact_team_id_ordinal_key" ON "auth"."team_contact"("team_id", "ordinal");

-- CreateIndex
CREATE UNIQUE INDEX "on_call_schedule_team_id_key" ON "auth"."on_call_schedule"("team_id");

-- CreateIndex
CREATE UNIQUE INDEX "on_call_rotation_schedule_id_effective_from_key" ON "auth"."on_call_rotation"("schedule_id", "effective_from");

-- CreateIndex
CREATE INDEX "on_call_override_schedule_id_starts_at_idx" ON "auth"."on_call_override"("schedule_id", "starts_at");

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
