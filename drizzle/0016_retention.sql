ALTER TABLE "companies" ADD COLUMN "recording_days" integer;--> statement-breakpoint
ALTER TABLE "companies" ADD COLUMN "transcript_days" integer;--> statement-breakpoint
ALTER TABLE "companies" ADD COLUMN "raw_event_days" integer;--> statement-breakpoint
ALTER TABLE "webhook_events" ADD COLUMN "reduced_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "call_transcripts_age" ON "call_transcripts" USING btree ("company_id","created_at");--> statement-breakpoint
CREATE INDEX "calls_recorded" ON "calls" USING btree ("company_id","started_at") WHERE "calls"."recording_url" is not null;--> statement-breakpoint
CREATE INDEX "recording_transcripts_age" ON "recording_transcripts" USING btree ("company_id","created_at");--> statement-breakpoint
CREATE INDEX "recording_sessions_recorded" ON "recording_sessions" USING btree ("company_id","started_at") WHERE "recording_sessions"."audio_url" is not null;--> statement-breakpoint
CREATE INDEX "webhook_events_whole" ON "webhook_events" USING btree ("company_id","received_at") WHERE "webhook_events"."status" = 'applied' and "webhook_events"."reduced_at" is null;