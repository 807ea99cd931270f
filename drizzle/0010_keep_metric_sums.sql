-- Whatever a metric counts writes down the moment whose day it changes. One row per change and no updates: two transactions
-- never wait for each other here, and whoever makes a day's sums anew takes away what it has seen, and nothing else.

CREATE FUNCTION mark_metric(company text, changed_kind text, moment timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO metric_changes (company_id, kind, at) VALUES (company, changed_kind, moment);
$$;
--> statement-breakpoint
CREATE FUNCTION mark_call_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM mark_metric(OLD.company_id, 'call', OLD.started_at);
  END IF;
  IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.started_at <> OLD.started_at) THEN
    PERFORM mark_metric(NEW.company_id, 'call', NEW.started_at);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER calls_counted AFTER INSERT OR DELETE ON calls
  FOR EACH ROW EXECUTE FUNCTION mark_call_metrics();
--> statement-breakpoint
CREATE TRIGGER calls_counted_again AFTER UPDATE ON calls
  FOR EACH ROW WHEN (
    current_setting('callwright.filling', true) IS DISTINCT FROM 'on' AND
    ROW(OLD.started_at, OLD.direction, OLD.csr_id, OLD.status, OLD.answered, OLD.duration_seconds, OLD.analysis_generation,
      OLD.qualification, OLD.booking_status, OLD.stage IN ('done', 'not_analyzable', 'failed'))
    IS DISTINCT FROM
    ROW(NEW.started_at, NEW.direction, NEW.csr_id, NEW.status, NEW.answered, NEW.duration_seconds, NEW.analysis_generation,
      NEW.qualification, NEW.booking_status, NEW.stage IN ('done', 'not_analyzable', 'failed')))
  EXECUTE FUNCTION mark_call_metrics();
--> statement-breakpoint
-- A new analysis shows on the row of its call.
CREATE FUNCTION mark_call_analysis_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM mark_metric(company_id, 'call', started_at) FROM calls WHERE id = OLD.call_id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER call_analyses_uncounted AFTER DELETE ON call_analyses
  FOR EACH ROW EXECUTE FUNCTION mark_call_analysis_metrics();
--> statement-breakpoint
CREATE TRIGGER call_analyses_counted_again AFTER UPDATE ON call_analyses
  FOR EACH ROW WHEN (
    ROW(OLD.generation, OLD.qualification, OLD.booking_status, OLD.objections, OLD.compliance_score, OLD.sentiment_score)
    IS DISTINCT FROM
    ROW(NEW.generation, NEW.qualification, NEW.booking_status, NEW.objections, NEW.compliance_score, NEW.sentiment_score))
  EXECUTE FUNCTION mark_call_analysis_metrics();
--> statement-breakpoint
CREATE FUNCTION mark_appointment_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM mark_metric(OLD.company_id, 'appointment', coalesce(OLD.scheduled_start, OLD.created_at));
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM mark_metric(NEW.company_id, 'appointment', coalesce(NEW.scheduled_start, NEW.created_at));
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER appointments_counted AFTER INSERT OR DELETE ON appointments
  FOR EACH ROW EXECUTE FUNCTION mark_appointment_metrics();
--> statement-breakpoint
CREATE TRIGGER appointments_counted_again AFTER UPDATE ON appointments
  FOR EACH ROW WHEN (
    ROW(OLD.scheduled_start, OLD.created_at, OLD.status, OLD.outcome, OLD.assigned_rep_id)
    IS DISTINCT FROM
    ROW(NEW.scheduled_start, NEW.created_at, NEW.status, NEW.outcome, NEW.assigned_rep_id))
  EXECUTE FUNCTION mark_appointment_metrics();
--> statement-breakpoint
CREATE FUNCTION mark_visit_metrics(session text) RETURNS void LANGUAGE sql AS $$
  SELECT mark_metric(a.company_id, 'appointment', coalesce(a.scheduled_start, a.created_at))
  FROM recording_sessions s JOIN appointments a ON a.id = s.appointment_id WHERE s.id = session;
$$;
--> statement-breakpoint
CREATE FUNCTION mark_visit_analysis_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM mark_visit_metrics(OLD.session_id);
  ELSE
    PERFORM mark_visit_metrics(NEW.session_id);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER recording_analyses_counted AFTER INSERT OR UPDATE OR DELETE ON recording_analyses
  FOR EACH ROW EXECUTE FUNCTION mark_visit_analysis_metrics();
--> statement-breakpoint
-- The latest analyzed visit of an appointment counts.
CREATE FUNCTION mark_visit_start_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM mark_visit_metrics(NEW.id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER recording_sessions_counted_again AFTER UPDATE ON recording_sessions
  FOR EACH ROW WHEN (OLD.started_at <> NEW.started_at) EXECUTE FUNCTION mark_visit_start_metrics();
--> statement-breakpoint
-- Rows come and go all the time, and are read by every metric.
ALTER TABLE metric_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000);
