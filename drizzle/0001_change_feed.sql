-- The change feed: triggers write a row of `changes` for whatever people see change, in the same transaction, so that no
-- code path can forget it. Ids only.

CREATE FUNCTION record_change(company text, changed_kind text, subject text, operation text, former_rep text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO changes (company_id, kind, subject_id, operation, former_rep_id)
  VALUES (company, changed_kind, subject, lower(operation), former_rep);
$$;
--> statement-breakpoint
-- A call also is a pipeline, and one of the calls that its lead lists.
CREATE FUNCTION record_call_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'call', OLD.id, TG_OP);
    PERFORM record_change(OLD.company_id, 'pipeline', OLD.id, TG_OP);
    PERFORM record_change(OLD.company_id, 'lead', OLD.lead_id, 'UPDATE');
    RETURN NULL;
  END IF;
  PERFORM record_change(NEW.company_id, 'call', NEW.id, TG_OP);
  IF TG_OP = 'INSERT' THEN
    PERFORM record_change(NEW.company_id, 'pipeline', NEW.id, TG_OP);
    PERFORM record_change(NEW.company_id, 'lead', NEW.lead_id, 'UPDATE');
    RETURN NULL;
  END IF;
  IF ROW(NEW.stage, NEW.needs_attention, NEW.blocked_on, NEW.blocked_since, NEW.attempts, NEW.reason)
     IS DISTINCT FROM ROW(OLD.stage, OLD.needs_attention, OLD.blocked_on, OLD.blocked_since, OLD.attempts, OLD.reason) THEN
    PERFORM record_change(NEW.company_id, 'pipeline', NEW.id, TG_OP);
  END IF;
  IF NEW.lead_id <> OLD.lead_id THEN
    PERFORM record_change(NEW.company_id, 'lead', NEW.lead_id, TG_OP);
    PERFORM record_change(NEW.company_id, 'lead', OLD.lead_id, TG_OP);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION record_visit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'visit', OLD.id, TG_OP);
    PERFORM record_change(OLD.company_id, 'pipeline', OLD.id, TG_OP);
    RETURN NULL;
  END IF;
  PERFORM record_change(NEW.company_id, 'visit', NEW.id, TG_OP);
  IF TG_OP = 'INSERT'
     OR ROW(NEW.stage, NEW.needs_attention, NEW.blocked_on, NEW.blocked_since, NEW.attempts, NEW.reason)
        IS DISTINCT FROM ROW(OLD.stage, OLD.needs_attention, OLD.blocked_on, OLD.blocked_since, OLD.attempts, OLD.reason) THEN
    PERFORM record_change(NEW.company_id, 'pipeline', NEW.id, TG_OP);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION record_lead_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'lead', OLD.id, TG_OP);
  ELSE
    PERFORM record_change(NEW.company_id, 'lead', NEW.id, TG_OP);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- A sales rep who loses an appointment cannot read it any more, but has to be told.
CREATE FUNCTION record_appointment_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM record_change(OLD.company_id, 'appointment', OLD.id, TG_OP, OLD.assigned_rep_id);
  ELSIF TG_OP = 'UPDATE' AND OLD.assigned_rep_id IS DISTINCT FROM NEW.assigned_rep_id THEN
    PERFORM record_change(NEW.company_id, 'appointment', NEW.id, TG_OP, OLD.assigned_rep_id);
  ELSE
    PERFORM record_change(NEW.company_id, 'appointment', NEW.id, TG_OP);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- An analysis is shown as a part of its call or visit. One that is deleted goes with it.
CREATE FUNCTION record_call_analysis_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM record_change(NEW.company_id, 'call', NEW.call_id, 'UPDATE');
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION record_visit_analysis_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM record_change(NEW.company_id, 'visit', NEW.session_id, 'UPDATE');
  RETURN NULL;
END $$;
--> statement-breakpoint
-- A contact is shown inside of its calls, leads and appointments. The newest of each: a switchboard may have thousands.
CREATE FUNCTION record_contact_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM record_change(NEW.company_id, 'call', id, TG_OP)
    FROM (SELECT id FROM calls WHERE contact_id = NEW.id ORDER BY started_at DESC LIMIT 20) AS newest;
  PERFORM record_change(NEW.company_id, 'lead', id, TG_OP)
    FROM (SELECT id FROM leads WHERE contact_id = NEW.id ORDER BY created_at DESC LIMIT 20) AS newest;
  PERFORM record_change(NEW.company_id, 'appointment', id, TG_OP)
    FROM (SELECT a.id FROM leads JOIN appointments AS a ON a.lead_id = leads.id WHERE leads.contact_id = NEW.id
          ORDER BY a.created_at DESC LIMIT 20) AS newest;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER calls_changed AFTER INSERT OR DELETE ON calls
  FOR EACH ROW EXECUTE FUNCTION record_call_change();
--> statement-breakpoint
CREATE TRIGGER calls_updated AFTER UPDATE ON calls
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_call_change();
--> statement-breakpoint
CREATE TRIGGER recording_sessions_changed AFTER INSERT OR DELETE ON recording_sessions
  FOR EACH ROW EXECUTE FUNCTION record_visit_change();
--> statement-breakpoint
CREATE TRIGGER recording_sessions_updated AFTER UPDATE ON recording_sessions
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_visit_change();
--> statement-breakpoint
CREATE TRIGGER leads_changed AFTER INSERT OR DELETE ON leads
  FOR EACH ROW EXECUTE FUNCTION record_lead_change();
--> statement-breakpoint
CREATE TRIGGER leads_updated AFTER UPDATE ON leads
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_lead_change();
--> statement-breakpoint
CREATE TRIGGER appointments_changed AFTER INSERT OR DELETE ON appointments
  FOR EACH ROW EXECUTE FUNCTION record_appointment_change();
--> statement-breakpoint
CREATE TRIGGER appointments_updated AFTER UPDATE ON appointments
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_appointment_change();
--> statement-breakpoint
CREATE TRIGGER call_analyses_inserted AFTER INSERT ON call_analyses
  FOR EACH ROW EXECUTE FUNCTION record_call_analysis_change();
--> statement-breakpoint
CREATE TRIGGER call_analyses_updated AFTER UPDATE ON call_analyses
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_call_analysis_change();
--> statement-breakpoint
CREATE TRIGGER recording_analyses_inserted AFTER INSERT ON recording_analyses
  FOR EACH ROW EXECUTE FUNCTION record_visit_analysis_change();
--> statement-breakpoint
CREATE TRIGGER recording_analyses_updated AFTER UPDATE ON recording_analyses
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_visit_analysis_change();
--> statement-breakpoint
CREATE TRIGGER contact_cards_updated AFTER UPDATE OF name, phone_number ON contact_cards
  FOR EACH ROW WHEN (ROW(OLD.name, OLD.phone_number) IS DISTINCT FROM ROW(NEW.name, NEW.phone_number))
  EXECUTE FUNCTION record_contact_change();
