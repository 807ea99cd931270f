DROP INDEX "webhook_events_job";--> statement-breakpoint
DROP INDEX "webhook_events_provider_call";--> statement-breakpoint
ALTER TABLE "webhook_events" ADD COLUMN "caller_number" text;--> statement-breakpoint
CREATE INDEX "webhook_events_of_job" ON "webhook_events" USING btree ("job_id") WHERE "webhook_events"."job_id" is not null;--> statement-breakpoint
CREATE INDEX "webhook_events_known_call" ON "webhook_events" USING btree ("provider_call_id","company_id") WHERE "webhook_events"."status" in ('pending', 'dispatched', 'applied');--> statement-breakpoint
CREATE INDEX "webhook_events_strays" ON "webhook_events" USING btree ("received_at") WHERE "webhook_events"."status" in ('unrouted', 'invalid', 'rejected');--> statement-breakpoint
CREATE INDEX "webhook_events_stray_caller" ON "webhook_events" USING btree ("caller_number") WHERE "webhook_events"."status" in ('unrouted', 'invalid', 'rejected');--> statement-breakpoint
CREATE INDEX "webhook_events_stray_call" ON "webhook_events" USING btree ("provider_call_id") WHERE "webhook_events"."status" in ('unrouted', 'invalid', 'rejected');