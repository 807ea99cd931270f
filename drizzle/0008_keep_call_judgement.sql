-- What lists of calls filter by stands on the call's row. Triggers keep it, in the transaction that writes the analysis or
-- the call, so that no code path can forget it. Existing rows are filled by the worker, in batches; see fillCalls.

CREATE FUNCTION call_facet(status text, direction text, stage text, booking_status text, qualification text)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT status || '/' || direction || '/' || stage || '/' || coalesce(booking_status, '-') || '/' || coalesce(qualification, '-');
$$;
--> statement-breakpoint
-- A row from before this migration takes its judgement along with its first facet.
CREATE FUNCTION set_call_facet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.facet IS NULL THEN
    SELECT generation, qualification, booking_status, call_outcome_category
      INTO NEW.analysis_generation, NEW.qualification, NEW.booking_status, NEW.call_outcome_category
      FROM call_analyses WHERE call_id = NEW.id ORDER BY generation DESC LIMIT 1;
  END IF;
  NEW.facet := call_facet(NEW.status, NEW.direction, NEW.stage, NEW.booking_status, NEW.qualification);
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER calls_facet_set
  BEFORE INSERT OR UPDATE OF status, direction, stage, booking_status, qualification, facet ON calls
  FOR EACH ROW EXECUTE FUNCTION set_call_facet();
--> statement-breakpoint
-- Also records the change of the call, which the change of its row records where there is one.
CREATE FUNCTION keep_call_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    UPDATE calls SET (analysis_generation, qualification, booking_status, call_outcome_category) =
      (SELECT generation, qualification, booking_status, call_outcome_category
         FROM call_analyses WHERE call_id = OLD.call_id ORDER BY generation DESC LIMIT 1)
      WHERE id = OLD.call_id AND analysis_generation = OLD.generation;
    RETURN NULL;
  END IF;
  UPDATE calls SET analysis_generation = NEW.generation, qualification = NEW.qualification,
      booking_status = NEW.booking_status, call_outcome_category = NEW.call_outcome_category
    WHERE id = NEW.call_id AND coalesce(analysis_generation, 0) <= NEW.generation
      AND ROW(analysis_generation, qualification, booking_status, call_outcome_category)
        IS DISTINCT FROM ROW(NEW.generation, NEW.qualification, NEW.booking_status, NEW.call_outcome_category);
  IF NOT FOUND THEN
    PERFORM record_change(NEW.company_id, 'call', NEW.call_id, 'UPDATE');
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
DROP TRIGGER call_analyses_inserted ON call_analyses;
--> statement-breakpoint
DROP TRIGGER call_analyses_updated ON call_analyses;
--> statement-breakpoint
DROP FUNCTION record_call_analysis_change;
--> statement-breakpoint
CREATE TRIGGER call_analyses_judged AFTER INSERT OR DELETE ON call_analyses
  FOR EACH ROW EXECUTE FUNCTION keep_call_judgement();
--> statement-breakpoint
CREATE TRIGGER call_analyses_judged_again AFTER UPDATE ON call_analyses
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION keep_call_judgement();
--> statement-breakpoint
-- Filling old rows changes nothing that people see.
DROP TRIGGER calls_updated ON calls;
--> statement-breakpoint
CREATE TRIGGER calls_updated AFTER UPDATE ON calls
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.* AND current_setting('callwright.filling', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION record_call_change();
