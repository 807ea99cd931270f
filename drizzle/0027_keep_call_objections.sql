-- Categories of objections in a table of their own, so that the calls in which one was heard are a range of an index. Triggers
-- keep it, in the transaction that writes the analysis or the call. Existing calls are filled by the worker; see fillObjections.

-- The call's row is locked first: whoever fills old calls and whoever corrects one do not overwrite each other.
CREATE FUNCTION keep_call_objections(call text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  row_of record;
BEGIN
  SELECT company_id, facet, started_at, csr_id INTO row_of FROM calls WHERE id = call FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  DELETE FROM call_objections WHERE call_id = call;
  -- A longer category nobody can ask for, and no index could hold one of any length.
  INSERT INTO call_objections (call_id, category, company_id, facet, started_at, csr_id)
    SELECT DISTINCT call, objection ->> 'category', row_of.company_id, row_of.facet, row_of.started_at, row_of.csr_id
    FROM (SELECT objections FROM call_analyses WHERE call_id = call ORDER BY generation DESC LIMIT 1) AS latest
      CROSS JOIN jsonb_array_elements(latest.objections) AS objection
    WHERE length(objection ->> 'category') BETWEEN 1 AND 200;
END $$;
--> statement-breakpoint
CREATE FUNCTION keep_objections_of_analysis() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM keep_call_objections(CASE TG_OP WHEN 'DELETE' THEN OLD.call_id ELSE NEW.call_id END);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER call_analyses_objected AFTER INSERT OR DELETE ON call_analyses
  FOR EACH ROW EXECUTE FUNCTION keep_objections_of_analysis();
--> statement-breakpoint
CREATE TRIGGER call_analyses_objected_again AFTER UPDATE ON call_analyses
  FOR EACH ROW WHEN (OLD.objections IS DISTINCT FROM NEW.objections) EXECUTE FUNCTION keep_objections_of_analysis();
--> statement-breakpoint
CREATE FUNCTION carry_call_to_objections() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE call_objections SET facet = NEW.facet, started_at = NEW.started_at, csr_id = NEW.csr_id WHERE call_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER calls_objected AFTER UPDATE ON calls
  FOR EACH ROW WHEN ((OLD.analysis_generation IS NOT NULL OR NEW.analysis_generation IS NOT NULL)
    AND ROW(OLD.facet, OLD.started_at, OLD.csr_id) IS DISTINCT FROM ROW(NEW.facet, NEW.started_at, NEW.csr_id))
  EXECUTE FUNCTION carry_call_to_objections();
--> statement-breakpoint
INSERT INTO unfinished_fills (name) SELECT 'call_objections' WHERE EXISTS (SELECT 1 FROM call_analyses);
