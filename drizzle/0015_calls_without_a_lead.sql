-- A call may have no lead: spam, and where we dialled somebody who did not answer.

CREATE OR REPLACE FUNCTION record_call_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'call', OLD.id, TG_OP);
    PERFORM record_change(OLD.company_id, 'pipeline', OLD.id, TG_OP);
    PERFORM record_lead_of_call(OLD.company_id, OLD.lead_id);
    RETURN NULL;
  END IF;
  PERFORM record_change(NEW.company_id, 'call', NEW.id, TG_OP);
  IF TG_OP = 'INSERT' THEN
    PERFORM record_change(NEW.company_id, 'pipeline', NEW.id, TG_OP);
    PERFORM record_lead_of_call(NEW.company_id, NEW.lead_id);
    RETURN NULL;
  END IF;
  IF ROW(NEW.stage, NEW.needs_attention, NEW.blocked_on, NEW.blocked_since, NEW.attempts, NEW.reason)
     IS DISTINCT FROM ROW(OLD.stage, OLD.needs_attention, OLD.blocked_on, OLD.blocked_since, OLD.attempts, OLD.reason) THEN
    PERFORM record_change(NEW.company_id, 'pipeline', NEW.id, TG_OP);
  END IF;
  IF NEW.lead_id IS DISTINCT FROM OLD.lead_id THEN
    PERFORM record_lead_of_call(NEW.company_id, NEW.lead_id);
    PERFORM record_lead_of_call(NEW.company_id, OLD.lead_id);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION record_lead_of_call(company text, lead text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF lead IS NOT NULL THEN
    PERFORM record_change(company, 'lead', lead, 'UPDATE');
  END IF;
END $$;
--> statement-breakpoint
-- Spam stands at the end of a call's facet, where it is spam: so what was filled before says that it is not.
CREATE OR REPLACE FUNCTION set_call_facet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.facet IS NULL THEN
    SELECT generation, qualification, booking_status, call_outcome_category
      INTO NEW.analysis_generation, NEW.qualification, NEW.booking_status, NEW.call_outcome_category
      FROM call_analyses WHERE call_id = NEW.id ORDER BY generation DESC LIMIT 1;
  END IF;
  NEW.facet := call_facet(NEW.status, NEW.direction, NEW.stage, NEW.booking_status, NEW.qualification)
    || CASE WHEN NEW.spam THEN '/spam' ELSE '' END;
  RETURN NEW;
END $$;
--> statement-breakpoint
DROP TRIGGER calls_facet_set ON calls;
--> statement-breakpoint
CREATE TRIGGER calls_facet_set
  BEFORE INSERT OR UPDATE OF status, direction, spam, stage, booking_status, qualification, facet ON calls
  FOR EACH ROW EXECUTE FUNCTION set_call_facet();
--> statement-breakpoint
-- A call that is flagged as spam counts no more.
DROP TRIGGER calls_counted_again ON calls;
--> statement-breakpoint
CREATE TRIGGER calls_counted_again AFTER UPDATE ON calls
  FOR EACH ROW WHEN (
    current_setting('callwright.filling', true) IS DISTINCT FROM 'on' AND
    ROW(OLD.started_at, OLD.direction, OLD.spam, OLD.csr_id, OLD.status, OLD.answered, OLD.duration_seconds,
      OLD.analysis_generation, OLD.qualification, OLD.booking_status, OLD.stage IN ('done', 'not_analyzable', 'failed'))
    IS DISTINCT FROM
    ROW(NEW.started_at, NEW.direction, NEW.spam, NEW.csr_id, NEW.status, NEW.answered, NEW.duration_seconds,
      NEW.analysis_generation, NEW.qualification, NEW.booking_status, NEW.stage IN ('done', 'not_analyzable', 'failed')))
  EXECUTE FUNCTION mark_call_metrics();
--> statement-breakpoint
-- Existing rows: the number a call came from is its contact's, the name of a contact its newest call's. Nobody is told.
SET LOCAL callwright.filling = 'on';
--> statement-breakpoint
UPDATE calls SET caller_number = contact_cards.phone_number
  FROM contact_cards WHERE contact_cards.id = calls.contact_id AND contact_cards.phone_number IS NOT NULL;
--> statement-breakpoint
UPDATE calls SET status = 'no_answer' WHERE direction = 'outbound' AND status IN ('missed', 'voicemail');
--> statement-breakpoint
UPDATE contact_cards SET named_at = (SELECT max(started_at) FROM calls WHERE contact_id = contact_cards.id)
  WHERE name IS NOT NULL;
