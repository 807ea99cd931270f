DROP INDEX "webhook_events_call";--> statement-breakpoint
DROP INDEX "webhook_events_known_call";--> statement-breakpoint
DROP INDEX "webhook_events_stray_call";--> statement-breakpoint
CREATE INDEX "webhook_events_of_call" ON "webhook_events" USING btree ("provider_call_id","company_id","sequence");