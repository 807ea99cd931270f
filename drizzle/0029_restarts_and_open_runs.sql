-- A restart of a pipeline was stored as a redrive, which is what a person does with one event.
UPDATE webhook_events SET route = replace(route, '.redrive', '.restart') WHERE route IN ('call.redrive', 'visit.redrive');
--> statement-breakpoint
-- Before 0.2 an analysis whose jobs were done waited for its call to apply it. Now its own workflow does so, which is rung.
WITH opened AS (
  UPDATE analysis_runs SET state = 'running' WHERE state = 'analyzed'
  RETURNING company_id, subject_kind, subject_id, generation
)
INSERT INTO webhook_events (id, source, route, company_id, status, body, body_sha256, workflow_id)
SELECT gen_random_uuid()::text, 'internal', 'ring', company_id, 'pending', '{}'::bytea, encode(sha256('{}'::bytea), 'hex'),
  'analysis:' || subject_kind || ':' || subject_id || ':' || generation
FROM opened;
