DROP INDEX "webhook_events_redriven";--> statement-breakpoint
CREATE INDEX "webhook_events_restarted" ON "webhook_events" USING btree ("workflow_id","received_at") WHERE "webhook_events"."route" in ('call.restart', 'visit.restart');--> statement-breakpoint
ALTER TABLE "webhook_events" DROP COLUMN "job_kind";