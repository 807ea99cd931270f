-- The change feed tells of follow-ups too.
CREATE FUNCTION record_follow_up_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'follow_up', OLD.id, TG_OP);
  ELSE
    PERFORM record_change(NEW.company_id, 'follow_up', NEW.id, TG_OP);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follow_ups_changed AFTER INSERT OR DELETE ON follow_ups
  FOR EACH ROW EXECUTE FUNCTION record_follow_up_change();
--> statement-breakpoint
CREATE TRIGGER follow_ups_updated AFTER UPDATE ON follow_ups
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_follow_up_change();
