-- A call that is analyzed without a booking status stands in its facet as `none`, one that is not analyzed as `-`: so lists of
-- analyzed calls, or of the others, are read from the index.
CREATE OR REPLACE FUNCTION set_call_facet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.facet IS NULL THEN
    SELECT generation, qualification, booking_status, call_outcome_category
      INTO NEW.analysis_generation, NEW.qualification, NEW.booking_status, NEW.call_outcome_category
      FROM call_analyses WHERE call_id = NEW.id ORDER BY generation DESC LIMIT 1;
  END IF;
  NEW.facet := call_facet(NEW.status, NEW.direction, NEW.stage,
      coalesce(NEW.booking_status, CASE WHEN NEW.analysis_generation IS NOT NULL THEN 'none' END), NEW.qualification)
    || CASE WHEN NEW.spam THEN '/spam' ELSE '' END;
  RETURN NEW;
END $$;
--> statement-breakpoint
DROP TRIGGER calls_facet_set ON calls;
--> statement-breakpoint
CREATE TRIGGER calls_facet_set
  BEFORE INSERT OR UPDATE OF status, direction, spam, stage, analysis_generation, booking_status, qualification, facet ON calls
  FOR EACH ROW EXECUTE FUNCTION set_call_facet();
--> statement-breakpoint
-- Nobody is told of it. Rows without a facet get theirs from the worker.
SET LOCAL callwright.filling = 'on';
--> statement-breakpoint
UPDATE calls SET facet = facet WHERE analysis_generation IS NOT NULL AND booking_status IS NULL AND facet IS NOT NULL;
--> statement-breakpoint
SET LOCAL callwright.filling = 'off';
--> statement-breakpoint
-- Words are long and read by their index alone: those of a transcript out of line, so that a search reads few pages of rows.
-- Old calls are indexed in another order than before, for the same reason: from the start.
ALTER TABLE call_search ALTER COLUMN words SET STORAGE EXTERNAL;
--> statement-breakpoint
ALTER TABLE call_search SET (toast_tuple_target = 128);
--> statement-breakpoint
UPDATE unfinished_fills SET position = '' WHERE name = 'call_search';
