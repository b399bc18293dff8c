-- The log is append-only for everyone, its owner included.
CREATE FUNCTION integrity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: the audit log is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'AC003';
END
$fn$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON integrity.leaf FOR EACH STATEMENT EXECUTE FUNCTION integrity.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON integrity.leaf_subject FOR EACH STATEMENT EXECUTE FUNCTION integrity.refuse_change();
ALTER TABLE integrity.leaf ADD CONSTRAINT leaf_hash_length CHECK (octet_length(leaf_hash) = 32);
