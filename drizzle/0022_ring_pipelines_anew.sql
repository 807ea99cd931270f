-- Workflows of 0.2 run an analysis beside its call or visit. Those of before cannot go on with that code: `migrate` ends
-- them, and these rings start them again from their rows.
INSERT INTO webhook_events (id, source, route, company_id, status, body, body_sha256, provider_call_id, workflow_id)
SELECT gen_random_uuid()::text, 'internal', 'ring', company_id, 'pending', '{}'::bytea, encode(sha256('{}'::bytea), 'hex'),
  provider_call_id, CASE WHEN length('call:' || company_id || ':' || provider_call_id) <= 255
    THEN 'call:' || company_id || ':' || provider_call_id ELSE 'call:' || id END
FROM calls WHERE stage NOT IN ('done', 'not_analyzable', 'failed') OR blocked_on IS NOT NULL;
--> statement-breakpoint
INSERT INTO webhook_events (id, source, route, company_id, status, body, body_sha256, workflow_id)
SELECT gen_random_uuid()::text, 'internal', 'ring', company_id, 'pending', '{}'::bytea, encode(sha256('{}'::bytea), 'hex'),
  'visit:' || id
FROM recording_sessions WHERE stage NOT IN ('done', 'not_analyzable', 'failed') OR blocked_on IS NOT NULL;
--> statement-breakpoint
INSERT INTO webhook_events (id, source, route, company_id, status, body, body_sha256, workflow_id)
SELECT gen_random_uuid()::text, 'internal', 'ring', company_id, 'pending', '{}'::bytea, encode(sha256('{}'::bytea), 'hex'),
  'analysis:' || subject_kind || ':' || subject_id || ':' || generation
FROM analysis_runs WHERE state = 'running';
