-- CreateTable
CREATE TABLE "governance_synthesis"."schema_document" (
    "digest" TEXT NOT NULL,
    "sdl" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "schema_document_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_version" (
    "id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "supergraph_sdl" TEXT NOT NULL,
    "set_digest" TEXT NOT NULL,
    "subgraphs" JSONB NOT NULL,
    "message" TEXT NOT NULL,
    "published_by_id" TEXT,
    "published_at" TIMESTAMPTZ(3) NOT NULL,
    "check_id" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "schema_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_activation" (
    "number" INTEGER NOT NULL,
    "version_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "activated_by_id" TEXT,
    "activated_at" TIMESTAMPTZ(3) NOT NULL,
    "token" TEXT NOT NULL,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "schema_activation_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_check" (
    "id" TEXT NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "verdict" TEXT NOT NULL,
    "base_id" TEXT,
    "proposed_digest" TEXT NOT NULL,
    "report" JSONB NOT NULL,
    "breaking" TEXT[],
    "requested_by_id" TEXT NOT NULL,
    "checked_at" TIMESTAMPTZ(3) NOT NULL,
    "revision" TEXT,
    "branch" TEXT,
    "change_url" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "schema_check_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_approval" (
    "id" TEXT NOT NULL,
    "check_id" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "fingerprints" TEXT[],
    "approver_id" TEXT NOT NULL,
    "comment" TEXT,
    "approved_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_by_id" TEXT,
    "constitutional_hash" TEXT NOT NULL,

    CONSTRAINT "schema_approval_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_operation" (
    "hash" TEXT NOT NULL,
    "name" TEXT,
    "text" TEXT NOT NULL,
    "coordinates" TEXT[],
    "first_seen" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "schema_operation_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_operation_day" (
    "day" DATE NOT NULL,
    "hash" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "schema_operation_day_pkey" PRIMARY KEY ("day","hash","client")
);

-- CreateTable
CREATE TABLE "governance_synthesis"."schema_usage_reporter" (
    "id" TEXT NOT NULL,
    "last_report" INTEGER NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,
    "dropped" BIGINT NOT NULL,
    "dropped_at" TIMESTAMPTZ(3),
    "final_at" TIMESTAMPTZ(3),

    CONSTRAINT "schema_usage_reporter_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "schema_version_number_key" ON "governance_synthesis"."schema_version"("number");

-- CreateIndex
CREATE INDEX "schema_activation_version_id_number_idx" ON "governance_synthesis"."schema_activation"("version_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "schema_check_ordinal_key" ON "governance_synthesis"."schema_check"("ordinal");

-- CreateIndex
CREATE INDEX "schema_check_verdict_ordinal_idx" ON "governance_synthesis"."schema_check"("verdict", "ordinal");

-- CreateIndex
CREATE INDEX "schema_approval_expires_at_idx" ON "governance_synthesis"."schema_approval"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "schema_approval_check_id_approver_id_key" ON "governance_synthesis"."schema_approval"("check_id", "approver_id");

-- CreateIndex
CREATE INDEX "schema_operation_coordinates_idx" ON "governance_synthesis"."schema_operation" USING GIN ("coordinates");

-- CreateIndex
CREATE INDEX "schema_operation_day_hash_idx" ON "governance_synthesis"."schema_operation_day"("hash");

-- AddForeignKey
ALTER TABLE "governance_synthesis"."schema_activation" ADD CONSTRAINT "schema_activation_version_id_fkey" FOREIGN KEY ("version_id") REFERENCES "governance_synthesis"."schema_version"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "governance_synthesis"."schema_approval" ADD CONSTRAINT "schema_approval_check_id_fkey" FOREIGN KEY ("check_id") REFERENCES "governance_synthesis"."schema_check"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "governance_synthesis"."schema_operation_day" ADD CONSTRAINT "schema_operation_day_hash_fkey" FOREIGN KEY ("hash") REFERENCES "governance_synthesis"."schema_operation"("hash") ON DELETE CASCADE ON UPDATE CASCADE;
